import fc from 'fast-check';
import t from 'tap';
import { parseAddress, parseBind, parseIp } from '../../../src/control/config/address.ts';
import { formatTarget } from '../../../src/core/address.ts';

const tcp = (host: string, port: number) => ({ type: 'tcp', host, port });

t.test('an address is an IP address or a name with a port, or a unix path', async (t) => {
	const table: [string, object | null][] = [
		['10.1.0.1:7000', tcp('10.1.0.1', 7000)],
		['game.example.com:65535', tcp('game.example.com', 65_535)],
		['Game.Example.COM:1', tcp('game.example.com', 1)],
		['my_service:80', tcp('my_service', 80)],
		['[::1]:7000', tcp('::1', 7000)],
		['[2001:DB8:0:0::1]:7000', tcp('2001:db8::1', 7000)],
		['[::ffff:10.1.0.1]:7000', tcp('10.1.0.1', 7000)],
		['[fe80::1%eth0]:7000', tcp('fe80::1%eth0', 7000)],
		['unix:/run/game.sock', { type: 'unix', path: '/run/game.sock' }],
		['unix:game.sock', { type: 'unix', path: 'game.sock' }],
		['unix:', null],
		['unix:/run/\0', null],
		['', null],
		[':', null],
		[':7000', null],
		['7000', null],
		['10.1.0.1', null],
		['10.1.0.1:', null],
		['10.1.0.1:x', null],
		['10.1.0.1:-1', null],
		['10.1.0.1:65536', null],
		['10.1.0.1:1e3', null],
		['10.1.0.1: 70', null],
		['10.1.0.256:7000', null],
		['10.1.1:7000', null],
		['::1:7000', null],
		['[::1]', null],
		['[::1]7000', null],
		['[10.1.0.1]:7000', null],
		['[]:7000', null],
		['-bad.example:7000', null],
		['bad..example:7000', null],
		[`${'a'.repeat(64)}.example:7000`, null],
		[`${'a.'.repeat(127)}ab:7000`, null],
		['http://example.com:80', null],
	];
	for (const [text, target] of table) {
		const result = parseAddress(text);
		t.same(result.ok ? result.value : null, target, JSON.stringify(text));
	}
});

t.test('a listener takes no names, but any port', async (t) => {
	t.same(parseBind('0.0.0.0:0'), { ok: true, value: tcp('0.0.0.0', 0) });
	t.same(parseBind('[::]:7000'), { ok: true, value: tcp('::', 7000) });
	t.same(parseBind('localhost:7000').ok, false);
});

t.test('an IP address has one text', async (t) => {
	t.same(parseIp('10.0.0.5'), { ok: true, value: '10.0.0.5' });
	t.same(parseIp('2001:DB8::0:5'), { ok: true, value: '2001:db8::5' });
	for (const text of ['', 'localhost', '10.0.0', '10.0.0.5:1', '[::1]']) t.equal(parseIp(text).ok, false, text);
});

t.test('an address that is formatted and read again is the same', async () => {
	const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
	const host = fc.oneof(
		fc.ipV4(),
		fc.ipV6(),
		fc.array(label, { minLength: 1, maxLength: 4 }).map((l) => l.join('.')),
	);
	fc.assert(
		fc.property(host, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
			const first = parseAddress(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
			if (!first.ok) return false;
			const again = parseAddress(formatTarget(first.value));
			return again.ok && formatTarget(again.value) === formatTarget(first.value);
		}),
	);
});

t.test('no text makes the parsers throw', async () => {
	const likely = fc.string({ unit: fc.constantFrom(...'0123456789abf.:[]%/-unix '), maxLength: 24 });
	fc.assert(
		fc.property(fc.oneof(fc.string({ unit: 'binary' }), likely), (text) =>
			[parseAddress(text), parseBind(text), parseIp(text)].every((r) => r.ok || !r.message.includes('\n')),
		),
	);
});
