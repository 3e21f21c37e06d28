import t from 'tap';
import { ATOMICS } from '../../src/shared/atomics.ts';
import { setTerms } from '../../src/shared/bucket.ts';
import { BUCKET_WORDS } from '../../src/shared/layout.ts';
import { type BucketRef, Throttle } from '../../src/shared/throttle.ts';
import { Agenda } from '../support/agenda.ts';

const MS = 1e6;

function bucket(bytesPerSecond: number, burstBytes: number): BucketRef {
	const words = new Int32Array(new SharedArrayBuffer(BUCKET_WORDS * 4));
	setTerms(ATOMICS, words, 0, bytesPerSecond === 0 ? null : { bytesPerSecond, burstBytes }, 1e9);
	return { termWords: words, termsAt: 0, stateWords: words, stateAt: 0 };
}

/** A sender that always has bytes, with timers that fire late by up to a millisecond and come on whole ones. */
class Sender {
	moved = 0;
	readonly moves: { atNs: number; bytes: number }[] = [];
	private readonly throttle: Throttle;
	private readonly agenda: Agenda;
	stopped = false;
	private readonly chunk: number;

	constructor(agenda: Agenda, chain: readonly BucketRef[], chunk = 65_536) {
		this.agenda = agenda;
		this.throttle = new Throttle(ATOMICS, chain);
		this.chunk = chunk;
		agenda.after(0, () => this.pump());
	}

	stop(): void {
		this.stopped = true;
		this.throttle.rest();
	}

	private pump(): void {
		if (this.stopped) return;
		for (let rounds = 0; rounds < 64; rounds++) {
			const allowed = this.throttle.ask(this.chunk, this.agenda.nowNs);
			if (allowed === 0) return this.agenda.at(Math.ceil(this.throttle.readyNs / MS + 0.1) * MS, () => this.pump());
			this.moved += allowed;
			this.moves.push({ atNs: this.agenda.nowNs, bytes: allowed });
		}
		this.agenda.after(0.2 * MS, () => this.pump());
	}
}

function runUntil(agenda: Agenda, atNs: number): void {
	let done = false;
	agenda.at(atNs, () => {
		done = true;
	});
	while (!done && agenda.step());
}

function jain(shares: readonly number[]): number {
	const sum = shares.reduce((a, b) => a + b, 0);
	return (sum * sum) / (shares.length * shares.reduce((a, b) => a + b * b, 0));
}

t.test('a backlogged session gets its rate, from slow to fast, with a small and a large burst', async (t) => {
	const cases: readonly [rate: number, burst: number][] = [
		[8_000, 4_096],
		[8_000, 0],
		[1_250_000, 65_536],
		[125_000_000, 12_500_000],
		[125_000_000, 65_536],
		[1_250_000_000, 65_536],
	];
	for (const [rate, burst] of cases) {
		const agenda = new Agenda();
		const sender = new Sender(agenda, [bucket(rate, burst)]);
		runUntil(agenda, 6e9);
		const share = (sender.moved - burst) / (rate * 5);
		t.ok(share >= 0.98 && share <= 1.05, `${rate} B/s, burst ${burst}: ${share.toFixed(4)} of the rate`);
	}
});

t.test('small chunks are counted to the byte, in spite of whole ticks', async (t) => {
	const agenda = new Agenda();
	const sender = new Sender(agenda, [bucket(10_000_000, 65_536)], 100);
	runUntil(agenda, 2e9);
	const share = (sender.moved - 65_536) / 10_000_000;
	t.ok(share >= 0.98 && share <= 1.02, `${share}`);
});

t.test('equal sessions share a bucket equally, and what one leaves the others use', async (t) => {
	for (const rate of [64_000, 1_250_000, 125_000_000]) {
		const agenda = new Agenda();
		const shared = bucket(rate, 65_536);
		const senders = Array.from({ length: 8 }, () => new Sender(agenda, [shared]));
		runUntil(agenda, 3e9);
		const burstSpent = senders.map(({ moved }) => moved);
		runUntil(agenda, 11e9);
		const before = senders.map(({ moved }) => moved);
		const index = jain(before.map((moved, i) => moved - (burstSpent[i] ?? 0)));
		t.ok(index >= 0.98, `${rate} B/s: Jain's index ${index.toFixed(4)}`);
		for (const sender of senders.slice(0, 7)) sender.stop();
		runUntil(agenda, 21e9);
		const last = (senders[7]?.moved ?? 0) - (before[7] ?? 0);
		t.ok(last >= 0.95 * rate * 10, `${rate} B/s: the one that is left gets all, ${last / (rate * 10)}`);
	}
});

t.test('a slow sibling takes what it needs, the fast ones the rest', async (t) => {
	const agenda = new Agenda();
	const shared = bucket(1_000_000, 65_536);
	const slow = new Sender(agenda, [bucket(50_000, 4_096), shared]);
	const fast = [new Sender(agenda, [shared]), new Sender(agenda, [shared])];
	runUntil(agenda, 11e9);
	t.ok(slow.moved >= 0.95 * 500_000, `the slow one: ${slow.moved}`);
	const rest = fast.reduce((sum, { moved }) => sum + moved, 0);
	t.ok(rest >= 0.95 * 9_500_000 && rest <= 9_800_000, `the others: ${rest}`);
});

t.test('the narrowest link of a chain decides', async (t) => {
	const agenda = new Agenda();
	const chain = [bucket(0, 0), bucket(2_000_000, 65_536), bucket(500_000, 65_536), bucket(4_000_000, 65_536)];
	const sender = new Sender(agenda, chain);
	runUntil(agenda, 6e9);
	const share = (sender.moved - 65_536) / (5 * 500_000);
	t.ok(share >= 0.98 && share <= 1.02, `${share}`);
});

t.test('a new rate is felt by the next quantum', async (t) => {
	const agenda = new Agenda();
	const shared = bucket(1_000_000, 65_536);
	const sender = new Sender(agenda, [shared]);
	runUntil(agenda, 3e9);
	const before = sender.moved;
	setTerms(ATOMICS, shared.termWords, 0, { bytesPerSecond: 4_000_000, burstBytes: 65_536 }, agenda.nowNs);
	runUntil(agenda, 5e9);
	const share = (sender.moved - before) / 8_000_000;
	t.ok(share >= 0.97 && share <= 1.03, `${share}`);
	setTerms(ATOMICS, shared.termWords, 0, null, agenda.nowNs);
	const freed = sender.moved;
	runUntil(agenda, 5.1e9);
	t.ok(sender.moved - freed > 10_000_000, 'lifted: as fast as it goes');
});

t.test('what is not used is given back', async (t) => {
	const shared = bucket(64_000, 0);
	const first = new Throttle(ATOMICS, [shared]);
	const second = new Throttle(ATOMICS, [shared]);
	const now = 1e9 + 1;
	t.equal(first.ask(640, now), 640);
	first.unused(600);
	first.rest();
	t.equal(second.ask(640, now + 1 * MS), 640, 'only the 40 bytes that were used had to be waited for');
});

t.test('a session that ends while it waits leaves no debt', async (t) => {
	const shared = bucket(64_000, 0);
	const [first, second, third] = [1, 2, 3].map(() => new Throttle(ATOMICS, [shared]));
	const now = 1e9 + 1;
	first?.ask(640, now);
	t.equal(second?.ask(640, now), 0);
	second?.rest();
	third?.ask(640, now);
	t.ok((third?.readyNs ?? 0) - now <= 10.1 * MS, 'the third waits for the first only');
});
