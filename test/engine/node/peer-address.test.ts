import fc from 'fast-check';
import t from 'tap';
import { parseKernelAddress } from '../../../src/engine/node/peer-address.ts';
import { formatAddress, parseAddress } from '../../../src/policy/address.ts';

t.test('addresses as the kernel writes them', async (t) => {
	const table = [
		['127.0.0.1', '127.0.0.1'],
		['255.255.255.255', '255.255.255.255'],
		['::ffff:10.1.2.3', '10.1.2.3'],
		['::1', '::1'],
		['::', '::'],
		['2001:db8::8:800:200c:417a', '2001:db8::8:800:200c:417a'],
		['fe80::1%eth0', 'fe80::1'],
		['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
		['2001:db8::', '2001:db8::'],
	] as const;
	for (const [text, expected] of table) t.equal(formatAddress(parseKernelAddress(text)), expected, text);
});

t.test('it reads what the strict parser reads', async (t) => {
	const groups = fc.array(fc.constantFrom(0, 0, 1, 0xdb8, 0xffff), { minLength: 8, maxLength: 8 });
	fc.assert(
		fc.property(groups, (eight) => {
			const text = new URL(`http://[${eight.map((group) => group.toString(16)).join(':')}]`).hostname.slice(1, -1);
			t.same(parseKernelAddress(text), parseAddress(text));
		}),
		{ numRuns: 200, seed: 1 },
	);
});
