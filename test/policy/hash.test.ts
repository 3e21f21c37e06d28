import t from 'tap';
import { addressOfV4, parseAddress } from '../../src/policy/address.ts';
import { hashAddress, hashPair, hashString, mix32 } from '../../src/policy/hash.ts';

const SAMPLES = 65_536;
const BINS = 256;

/**
 * Pearson's statistic for how evenly the values fill the bins. With 255 degrees of freedom it is 255 +- 23; the
 * bounds are over 5 deviations away, and a hash that is too even is as wrong as one that is not even.
 */
function chiSquare(values: readonly number[], binOf: (value: number) => number): number {
	const bins = new Array<number>(BINS).fill(0);
	for (const value of values) bins[binOf(value)] = (bins[binOf(value)] ?? 0) + 1;
	const expected = values.length / BINS;
	return bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

const families: Readonly<Record<string, (i: number) => number>> = {
	'addresses in a row': (i) => hashAddress(addressOfV4(0x0a000000 + i), 0),
	'networks in a row': (i) => hashAddress(addressOfV4(i << 16), 0),
	'IPv6 networks in a row': (i) => hashAddress({ a: 0x20010db8, b: i, c: 0, d: 1 }, 0),
	'seeds in a row': (i) => hashAddress(addressOfV4(0x0a000001), i),
	'names in a row': (i) => hashString(`backend-${i}`),
	'pairs with the first in a row': (i) => hashPair(i, 7) >>> 0,
	'pairs with the second in a row': (i) => hashPair(7, i) >>> 0,
};

for (const [name, hash] of Object.entries(families)) {
	t.test(`${name} are scattered evenly by their high and their low bits`, (t) => {
		const values = Array.from({ length: SAMPLES }, (_, i) => hash(i));
		for (const binOf of [(value: number) => value >>> 24, (value: number) => value & 0xff]) {
			const statistic = chiSquare(values, binOf);
			t.ok(statistic > 140 && statistic < 380, `${statistic}`);
		}
		t.ok(values.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32));
		t.end();
	});
}

t.test('one flipped bit of an address flips about half of the bits of its hash', (t) => {
	let flipped = 0;
	let pairs = 0;
	for (let i = 0; i < 500; i++) {
		const value = mix32(i);
		for (let bit = 0; bit < 32; bit++) {
			let differing = hashAddress(addressOfV4(value), 0) ^ hashAddress(addressOfV4(value ^ (1 << bit)), 0);
			for (; differing !== 0; differing &= differing - 1) flipped++;
			pairs++;
		}
	}
	t.ok(Math.abs(flipped / pairs - 16) < 0.2, `${flipped / pairs}`);
	t.end();
});

t.test('every word of an address, the seed, each character and the length count', (t) => {
	const base = { a: 1, b: 2, c: 3, d: 4 };
	const variants = [base, { ...base, a: 0 }, { ...base, b: 0 }, { ...base, c: 0 }, { ...base, d: 0 }];
	t.equal(new Set([...variants.map((address) => hashAddress(address, 0)), hashAddress(base, 1)]).size, 6);
	const texts = ['', 'a', 'b', 'ab', 'ba', 'a\0', '\0', '\0\0', 'ä', '\u0161'];
	t.equal(new Set(texts.map((text) => hashString(text))).size, texts.length);
	t.not(hashString('a', 1), hashString('a'));
	t.not(hashPair(1, 2), hashPair(2, 1));
	t.end();
});

t.test('the values never change: clients keep their backend over an upgrade', (t) => {
	const v6 = parseAddress('2001:db8::1');
	t.strictSame(
		{
			empty: hashString(''),
			game: hashString('game'),
			seeded: hashString('eu-1', 0x5bd1e995),
			v4: hashAddress(addressOfV4(0xcb007107), 0),
			v6: v6 && hashAddress(v6, 0),
			pair: hashPair(0xdeadbeef, 42),
			mixed: mix32(1),
		},
		{
			empty: 0,
			game: 686073652,
			seeded: 1945297563,
			v4: 3311885880,
			v6: 383837206,
			pair: 2529266842 | 0,
			mixed: 1364076727,
		},
	);
	t.end();
});
