import fc from 'fast-check';
import t from 'tap';
import { ATOMICS } from '../../src/shared/atomics.ts';
import {
	BUCKET_AT,
	giveBack,
	levelOf,
	OVERBOOKED,
	rateOf,
	reserve,
	setTerms,
	settleBucket,
	ticksFor,
	ticksOf,
} from '../../src/shared/bucket.ts';
import { BUCKET_WORDS } from '../../src/shared/layout.ts';

const RATE = 64_000;
const SECOND = 1e9;

/** A bucket of 64,000 bytes per second whose clock starts anywhere, also just before the ticks come round. */
function bucket(burstBytes: number, startNs: number) {
	const words = new Int32Array(new SharedArrayBuffer(BUCKET_WORDS * 4));
	setTerms(ATOMICS, words, 0, { bytesPerSecond: RATE, burstBytes }, startNs);
	return {
		words,
		take: (atS: number, bytes: number) =>
			reserve(
				ATOMICS,
				words,
				BUCKET_AT,
				ticksOf(startNs + atS * SECOND),
				ticksFor(bytes, RATE),
				ticksFor(burstBytes, RATE),
				0,
			),
		level: (atS: number) => levelOf(ATOMICS, words, 0, ticksOf(startNs + atS * SECOND), RATE, burstBytes),
	};
}

const STARTS = [0, 5 * SECOND, (2 ** 31 - 1_000_000) * 250, (2 ** 32 - 1_000_000) * 250, 2 ** 52];

t.test('reservations in a table: time, bytes, wait', async (t) => {
	const rows: readonly [atS: number, bytes: number, waitS: number][] = [
		[0, 6_400, 0],
		[0, 6_400, 0],
		[0, 6_400, 0.1],
		[0, 6_400, 0.2],
		[0.25, 6_400, 0.05],
		[10, 6_400, 0],
		[10, 12_800, 0],
		[10, 6_400, 0.2],
	];
	for (const start of STARTS) {
		const { take } = bucket(6_400, start);
		for (const [atS, bytes, waitS] of rows) t.equal(take(atS, bytes) / 4e6, waitS, `${start} ns + ${atS} s`);
	}
});

t.test('the level is what may pass now, and at most the burst', async (t) => {
	for (const start of STARTS) {
		const { take, level } = bucket(6_400, start);
		t.equal(level(0), 6_400);
		take(0, 12_800);
		t.equal(level(0), -6_400);
		t.equal(level(0.1), 0);
		t.equal(level(100), 6_400);
	}
});

t.test('what is given back serves those who come next', async (t) => {
	const { take, words } = bucket(0, SECOND);
	take(0, 64_000);
	t.equal(take(0, 6_400) / 4e6, 1);
	giveBack(ATOMICS, words, BUCKET_AT, ticksFor(6_400, RATE));
	t.equal(take(0, 6_400) / 4e6, 1);
});

t.test('a bucket that is five minutes behind takes no more', async (t) => {
	const { take } = bucket(0, SECOND);
	for (let i = 0; i < 301; i++) take(0, 64_000);
	t.equal(take(0, 1), OVERBOOKED);
	t.equal(take(2, 1) / 4e6, 299);
});

t.test('an idle bucket is moved along before its instant comes round', async (t) => {
	const { take, words } = bucket(6_400, SECOND);
	take(0, 64_000);
	settleBucket(ATOMICS, words, BUCKET_AT, ticksOf(SECOND));
	t.equal(take(0, 64) / 4e6, 0.9, 'one that is in use is left alone');
	for (let minute = 1; minute < 40; minute++) {
		settleBucket(ATOMICS, words, BUCKET_AT, ticksOf(SECOND + minute * 60 * SECOND));
	}
	t.equal(take(39 * 60, 64), 0);
});

t.test('without the care of settleBucket the instant does come round: the check can fail', async (t) => {
	const { take } = bucket(6_400, SECOND);
	take(0, 64);
	t.not(take(12 * 60, 64), 0);
});

t.test('terms can be lifted, set anew and changed while reserved', async (t) => {
	const words = new Int32Array(new SharedArrayBuffer(BUCKET_WORDS * 4));
	t.equal(rateOf(ATOMICS, words, 0), 0, 'a fresh bucket is unlimited');
	for (const bytesPerSecond of [1, 64, 8_000, 1_250_000, 125_000_000, 12_500_000_000, 2e11]) {
		setTerms(ATOMICS, words, 0, { bytesPerSecond, burstBytes: 1 }, 0);
		t.ok(Math.abs(rateOf(ATOMICS, words, 0) / bytesPerSecond - 1) < 1e-7, `${bytesPerSecond}`);
	}
	setTerms(ATOMICS, words, 0, null, 0);
	t.equal(rateOf(ATOMICS, words, 0), 0);
});

t.test('property: in any window no more than rate x T + burst + one quantum is granted', async (t) => {
	const asks = fc.array(
		fc.record({ gapMs: fc.integer({ min: 0, max: 400 }), bytes: fc.integer({ min: 1, max: 4_096 }) }),
		{
			minLength: 1,
			maxLength: 60,
		},
	);
	fc.assert(
		fc.property(asks, fc.integer({ min: 0, max: 20_000 }), fc.constantFrom(...STARTS), (list, burst, start) => {
			const granted = grants(list, burst, start);
			return withinBound(granted, burst, 4_096);
		}),
		{ numRuns: 300, seed: 11 },
	);
	const doubled = grants(
		[{ gapMs: 5_000, bytes: 1 }, ...Array.from({ length: 20 }, () => ({ gapMs: 0, bytes: 4_096 }))],
		40_000,
		0,
	);
	t.notOk(withinBound(doubled, 20_000, 4_096), 'a bucket that earns twice its burst is caught');
});

interface Grant {
	readonly atS: number;
	readonly bytes: number;
}

function grants(list: readonly { gapMs: number; bytes: number }[], burst: number, start: number): readonly Grant[] {
	const { take } = bucket(burst, start);
	let nowS = 0;
	return list.map(({ gapMs, bytes }) => {
		nowS += gapMs / 1000;
		return { atS: nowS + take(nowS, bytes) / 4e6, bytes };
	});
}

function withinBound(granted: readonly Grant[], burst: number, quantum: number): boolean {
	for (const first of granted) {
		const later = granted.filter((grant) => grant.atS >= first.atS);
		for (const last of later) {
			const sum = later.reduce((bytes, grant) => bytes + (grant.atS <= last.atS ? grant.bytes : 0), 0);
			if (sum > RATE * (last.atS - first.atS) + burst + quantum + 1) return false;
		}
	}
	return true;
}
