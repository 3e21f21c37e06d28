import t from 'tap';
import type { ProbeResult } from '../../src/control/probe/request.ts';
import { JITTER, ProbeSchedule, type ProbeSettings } from '../../src/control/probe-schedule.ts';
import { seededRng } from '../../src/rng.ts';
import { VirtualTime } from '../support/virtual-time.ts';

const SETTINGS: ProbeSettings = {
	probe: { type: 'tcp' },
	target: { type: 'tcp', host: '127.0.0.1', port: 1 },
	hostName: null,
	sourceAddress: null,
	proxyProtocol: null,
	tls: null,
	timeoutMs: 2_000,
	intervalMs: 5_000,
};

/** Probes that take `tookMs`, with the times at which they began. */
function bench(tookMs = 0, rng: () => number = () => 0.5) {
	const time = new VirtualTime();
	const startMs = time.nowMs;
	const began: number[] = [];
	const heard: ProbeResult[] = [];
	const parts = {
		probe: (_: unknown, done: (result: ProbeResult) => void) => {
			began.push(time.nowMs - startMs);
			return time.after(tookMs, () => done({ type: 'good' }));
		},
		after: time.after,
		nowMs: () => time.nowMs,
		rng,
	};
	const schedule = new ProbeSchedule(SETTINGS, 70, parts, (result) => heard.push(result));
	return { time, began, heard, schedule };
}

t.test('the first probe begins when told, the next ones an interval from start to start', async (t) => {
	const { time, began, heard } = bench(1_000);
	time.pass(16_000);
	t.strictSame(began, [70, 5_070, 10_070, 15_070]);
	t.equal(heard.length, 3);
});

t.test('a probe that takes longer than the interval is followed at once, never doubled', async (t) => {
	const { time, began } = bench(8_000);
	time.pass(17_000);
	t.strictSame(began, [70, 8_070, 16_070]);
});

t.test('each interval is up to a tenth longer or shorter, and no two schedules stay together', async (t) => {
	const began = [1, 2].map((seed) => {
		const { time, began } = bench(0, seededRng(seed));
		time.pass(500_000);
		return began;
	});
	for (const times of began) {
		const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
		t.ok(gaps.every((gap) => gap >= 5_000 * (1 - JITTER) && gap <= 5_000 * (1 + JITTER)));
		t.ok(Math.max(...gaps) - Math.min(...gaps) > 500, 'the whole width is used');
	}
	t.ok(Math.abs((began[0]?.at(-1) ?? 0) - (began[1]?.at(-1) ?? 0)) > 100);
});

t.test('a shorter interval brings the next probe forward, a longer one leaves it', async (t) => {
	const shorter = bench();
	shorter.time.pass(100);
	shorter.schedule.change({ ...SETTINGS, intervalMs: 200 });
	shorter.time.pass(450);
	t.strictSame(shorter.began, [70, 300, 500]);
	const longer = bench();
	longer.time.pass(100);
	longer.schedule.change({ ...SETTINGS, intervalMs: 60_000 });
	longer.time.pass(65_100);
	t.strictSame(longer.began, [70, 5_070, 65_070]);
});

t.test('once stopped nothing begins and nothing is heard', async (t) => {
	const waiting = bench();
	waiting.schedule.stop();
	waiting.time.pass(60_000);
	t.strictSame(waiting.began, []);
	const running = bench(1_000);
	running.time.pass(100);
	running.schedule.stop();
	running.time.pass(60_000);
	t.strictSame([running.began.length, running.heard.length], [1, 0]);
});
