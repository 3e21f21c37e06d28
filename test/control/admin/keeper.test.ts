import { test } from 'tap';
import { AdminKeeper, type Served } from '../../../src/control/admin/keeper.ts';
import type { AdminTerms } from '../../../src/control/admin/terms.ts';
import { FIRST_RETRY_MS } from '../../../src/control/listen-retry.ts';
import { formatTarget } from '../../../src/core/address.ts';
import { SluiceError } from '../../../src/core/errors.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

const termsOf = (port: number, token = 'a', tls: AdminTerms['tls'] = null, host = '127.0.0.1'): AdminTerms => ({
	bind: { type: 'tcp', host, port },
	tokens: [{ role: 'write', token }],
	tls,
});
const TLS = { certificate: 'c', key: 'k' };

/** A keeper whose servers note what becomes of them; ports in `taken` cannot be opened. */
function bench() {
	const time = new VirtualTime();
	const done: string[] = [];
	const taken = new Set<number>();
	const portOf = ({ bind }: AdminTerms): number => (bind.type === 'tcp' ? bind.port : 0);
	const open = async (terms: AdminTerms): Promise<Served> => {
		const port = portOf(terms);
		if (taken.has(port)) throw new SluiceError('cannot-bind', `cannot bind ${port}`);
		done.push(`open ${port}`);
		return {
			address: formatTarget(terms.bind),
			adopt: ({ tokens }) => void done.push(`${port} knows ${tokens.map(({ token }) => token).join(' ')}`),
			release: () => void done.push(`release ${port}`),
			close: async () => void done.push(`close ${port}`),
		};
	};
	const errors: unknown[] = [];
	const log = { info: () => {}, error: (_msg: string, fields?: object) => void errors.push(fields) };
	const keeper = new AdminKeeper({ log, after: time.after, open });
	/** The timers that are due, and what they began. */
	const pass = async (ms: number): Promise<void> => {
		time.pass(ms);
		for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
	};
	return { keeper, done, taken, errors, pass };
}

test('another address is opened before the old one is left', async (t) => {
	const { keeper, done } = bench();
	await keeper.start(termsOf(1));
	t.equal(await keeper.adopt(termsOf(2, 'b')), null);
	t.same(done, ['open 1', '1 knows b', 'open 2', 'release 1', 'close 1']);
	await keeper.stop();
	t.equal(keeper.address, null);
});

test('an address that is taken is told once, and tried again until it opens or is not wanted any more', async (t) => {
	const { keeper, done, taken, errors, pass } = bench();
	await keeper.start(termsOf(1));
	taken.add(2);
	t.match(await keeper.adopt(termsOf(2, 'b')), /^cannot bind 2; until it can, the one at 127\.0\.0\.1:1 goes on/);
	await pass(FIRST_RETRY_MS);
	t.equal(keeper.address, '127.0.0.1:1');
	taken.delete(2);
	await pass(FIRST_RETRY_MS);
	t.equal(keeper.address, '127.0.0.1:1', 'each time it waits longer');
	await pass(FIRST_RETRY_MS);
	t.equal(keeper.address, '127.0.0.1:2');
	t.same(errors.length, 1);
	taken.add(3);
	await keeper.adopt(termsOf(3));
	await keeper.adopt(termsOf(2));
	taken.delete(3);
	done.length = 0;
	await pass(60_000);
	t.same(done, []);
});

test('where TLS begins there is no room for both, and nobody serves until it can be opened', async (t) => {
	const { keeper, done, taken, pass } = bench();
	await keeper.start(termsOf(1));
	taken.add(1);
	t.match(await keeper.adopt(termsOf(1, 'b', TLS)), /until it can, there is no admin server/);
	t.same(done.slice(1), ['1 knows b', 'release 1', 'close 1']);
	taken.delete(1);
	await pass(FIRST_RETRY_MS);
	t.equal(keeper.address, '127.0.0.1:1');
});

test('a server on all addresses makes way for one on one of them, and the other way round', async (t) => {
	const { keeper, done } = bench();
	await keeper.start(termsOf(1, 'a', TLS));
	for (const host of ['0.0.0.0', '127.0.0.1', '::', '127.0.0.1'])
		t.equal(await keeper.adopt(termsOf(1, 'a', TLS, host)), null);
	const moves = done.filter((what) => !what.includes('knows'));
	t.same(moves, ['open 1', ...Array(4).fill(['release 1', 'close 1', 'open 1']).flat()]);
});

test('a server that is not wanted closes, and one that stopped tries no more', async (t) => {
	const { keeper, done, taken, pass } = bench();
	await keeper.start(termsOf(1));
	t.equal(await keeper.adopt(null), null);
	t.equal(keeper.address, null);
	taken.add(2);
	t.match(await keeper.adopt(termsOf(2)), /cannot bind 2/);
	await keeper.stop();
	taken.clear();
	await pass(60_000);
	t.same(done, ['open 1', 'release 1', 'close 1']);
});
