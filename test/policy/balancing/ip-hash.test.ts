import { readFileSync } from 'node:fs';
import t from 'tap';
import type { IpAddress } from '../../../src/core/address.ts';
import { addressOfV4, parseAddress } from '../../../src/policy/address.ts';
import type { BalancedBackend } from '../../../src/policy/balancing/contract.ts';
import { makeIpHash } from '../../../src/policy/balancing/ip-hash.ts';
import { hashString } from '../../../src/policy/hash.ts';
import { backendsOf, FakeView, seededRandom, unfairness } from '../../support/balance-view.ts';

const KEYS = 20_000;
const random = seededRandom(11);
const keys: readonly IpAddress[] = Array.from({ length: KEYS }, (_, i) =>
	i % 4 === 0
		? { a: 0x20010db8, b: random() * 2 ** 32, c: 0, d: 1 }
		: addressOfV4(i % 2 === 0 ? 0x0a000000 + i : random() * 2 ** 32),
).map(({ a, b, c, d }) => ({ a, b: b >>> 0, c, d }));

/** The name of each key's backend. */
function mapKeys(backends: readonly BalancedBackend[], closed: readonly string[] = []): readonly string[] {
	const view = new FakeView(backends);
	for (const [i, backend] of backends.entries()) view.closed[i] = closed.includes(backend.name);
	const pick = makeIpHash(backends);
	return keys.map((key) => {
		view.key = key;
		return backends[pick(view)]?.name ?? 'none';
	});
}

const countsOf = (backends: readonly BalancedBackend[], names: readonly string[]): number[] =>
	backends.map((backend) => names.filter((name) => name === backend.name).length);

t.test(
	'the recorded mapping holds: it was made by another implementation, and a change would move every client',
	(t) => {
		const oracle: {
			readonly backends: readonly BalancedBackend[];
			readonly byAddress: Readonly<Record<string, string>>;
			readonly byListener: Readonly<Record<string, string>>;
		} = JSON.parse(readFileSync(new URL('ip-hash.oracle.json', import.meta.url), 'utf8'));
		const view = new FakeView(oracle.backends);
		const pick = makeIpHash(oracle.backends);
		const nameOf = (key: IpAddress | null, keySeed: number): string | undefined => {
			view.key = key;
			view.keySeed = keySeed;
			return oracle.backends[pick(view)]?.name;
		};
		t.equal(Object.keys(oracle.byAddress).length, 100);
		for (const [text, name] of Object.entries(oracle.byAddress)) t.equal(nameOf(parseAddress(text), 99), name, text);
		for (const [listener, name] of Object.entries(oracle.byListener)) {
			t.equal(nameOf(null, hashString(listener)), name, listener);
		}
		t.end();
	},
);

for (const weights of [
	[1, 1, 1, 1, 1, 1, 1],
	[1, 2, 3, 4, 0, 10],
	[100, 1],
]) {
	t.test(`keys spread over weights [${weights}] by weight`, (t) => {
		const backends = backendsOf(weights);
		const counts = countsOf(backends, mapKeys(backends));
		t.ok(unfairness(counts, weights) < 5, `${counts}`);
		t.end();
	});
}

t.test('the order in the file does not matter', (t) => {
	const backends = backendsOf([1, 5, 2, 2, 1, 3]);
	t.strictSame(mapKeys(backends.toReversed()), mapKeys(backends));
	t.strictSame(mapKeys([...backends.slice(3), ...backends.slice(0, 3)]), mapKeys(backends));
	t.end();
});

t.test('removing one of n moves only its own keys, and spreads them by weight', (t) => {
	const backends = backendsOf([1, 2, 3, 1, 2]);
	const before = mapKeys(backends);
	for (const removed of backends) {
		const rest = backends.filter((backend) => backend !== removed);
		const after = mapKeys(rest);
		const moved = after.filter((_, i) => before[i] === removed.name);
		t.ok(after.every((name, i) => before[i] === removed.name || before[i] === name));
		t.ok(
			unfairness(
				countsOf(rest, moved),
				rest.map((backend) => backend.weight),
			) < 5,
		);
	}
	t.end();
});

t.test('adding one to n moves 1/(n+1) of the keys, all of them to the new one', (t) => {
	const backends = backendsOf(new Array<number>(9).fill(1));
	const before = mapKeys(backends);
	const after = mapKeys([...backends, { name: 'new', weight: 1 }]);
	const moved = after.filter((name, i) => name !== before[i]);
	t.ok(moved.every((name) => name === 'new'));
	t.ok(Math.abs(moved.length / KEYS - 0.1) < 0.01, `${moved.length}`);
	t.end();
});

t.test('more weight only draws keys to the backend, less only sends keys away', (t) => {
	const backends = backendsOf([2, 2, 2]);
	const before = mapKeys(backends);
	const heavier = mapKeys(backendsOf([2, 3, 2]));
	const lighter = mapKeys(backendsOf([2, 1, 2]));
	t.ok(heavier.every((name, i) => name === before[i] || name === 'b1'));
	t.ok(lighter.every((name, i) => name === before[i] || before[i] === 'b1'));
	t.end();
});

t.test('a closed backend is as if it were not there, and its keys come back to it', (t) => {
	const backends = backendsOf([1, 2, 3, 1]);
	const without = mapKeys(backends.filter((backend) => backend.name !== 'b2'));
	t.strictSame(mapKeys(backends, ['b2']), without);
	t.strictSame(mapKeys(backends), mapKeys(backends));
	t.end();
});

t.test('a mapped address has the backend of its IPv4 address', (t) => {
	const backends = backendsOf([1, 1, 1]);
	const view = new FakeView(backends);
	const pick = makeIpHash(backends);
	for (const text of ['10.0.0.1', '203.0.113.7', '198.51.100.99']) {
		view.key = parseAddress(text);
		const plain = pick(view);
		view.key = parseAddress(`::ffff:${text}`);
		t.equal(pick(view), plain);
	}
	t.end();
});

t.test('clients without an address share one backend for each listener', (t) => {
	const backends = backendsOf([1, 1, 1, 1]);
	const view = new FakeView(backends);
	const pick = makeIpHash(backends);
	const picked = new Set<number>();
	for (let i = 0; i < 50; i++) {
		view.keySeed = hashString(`listener-${i}`);
		const index = pick(view);
		t.equal(pick(view), index);
		picked.add(index);
	}
	t.equal(picked.size, 4, 'listeners differ');
	t.end();
});
