import t from 'tap';
import { FIRST_RETRY_MS, ListenRetry, MAX_RETRY_MS } from '../../src/control/listen-retry.ts';
import { bindFailure } from '../../src/core/bind-failure.ts';
import type { LogEvent } from '../../src/core/record.ts';
import { snapshotOf } from '../support/snapshots.ts';
import { VirtualTime } from '../support/virtual-time.ts';

const target = { type: 'tcp', host: '127.0.0.1', port: 7000 } as const;
const snapshot = snapshotOf({ listeners: [{ name: 'game', binds: [{ target, v6Only: false }] }] });
const IN_USE = bindFailure('game', target, 'EADDRINUSE');

function bench() {
	const time = new VirtualTime();
	const told: LogEvent[] = [];
	const tries: number[] = [];
	const note =
		(level: 'info' | 'error') =>
		(msg: string, fields: LogEvent['fields'] = {}) =>
			void told.push({ level, msg, fields });
	const retry = new ListenRetry({
		log: { info: note('info'), error: note('error') },
		after: time.after,
		again: () => tries.push(time.nowNs() / 1e6),
	});
	return { time, told, tries, retry };
}

t.test('a failure is told once, tried again later and later, and told when it is over', async (t) => {
	const { time, told, tries, retry } = bench();
	const startMs = time.nowNs() / 1e6;
	retry.note(1, [IN_USE], snapshot);
	t.strictSame(told.splice(0), [{ level: 'error', msg: 'cannot listen', fields: { worker: 1, reason: IN_USE } }]);
	for (let second = 0; second < 60; second++) {
		time.pass(1_000);
		retry.note(1, [IN_USE], snapshot);
	}
	const first = tries.slice(0, 3).map((atMs) => atMs - startMs);
	t.strictSame(first, [FIRST_RETRY_MS, 3 * FIRST_RETRY_MS, 7 * FIRST_RETRY_MS]);
	t.equal((tries.at(-1) ?? 0) - (tries.at(-2) ?? 0), MAX_RETRY_MS);
	t.strictSame(told, []);
	retry.note(1, [], snapshot);
	t.strictSame(told, [
		{ level: 'info', msg: 'listening', fields: { listener: 'game', address: '127.0.0.1:7000', worker: 1 } },
	]);
	const count = tries.length;
	time.pass(60_000);
	t.equal(tries.length, count, 'and that was all');
});

t.test('another reason is told, and is not the end of it', async (t) => {
	const { told, retry } = bench();
	retry.note(null, [IN_USE], snapshot);
	retry.note(null, [bindFailure('game', target, 'EACCES')], snapshot);
	t.strictSame(
		told.map(({ msg }) => msg),
		['cannot listen', 'cannot listen'],
	);
	t.strictSame(retry.openers, [null]);
});

t.test('an address that nobody wants any more, and a worker that is gone, are forgotten silently', async (t) => {
	const { time, told, tries, retry } = bench();
	retry.note(0, [IN_USE], snapshot);
	retry.note(0, [], snapshotOf({ listeners: [] }));
	retry.note(1, [IN_USE], snapshot);
	retry.forget(1);
	retry.note(2, [IN_USE], snapshot);
	retry.stop();
	time.pass(60_000);
	t.strictSame(tries, []);
	t.ok(told.every(({ msg }) => msg === 'cannot listen'));
});
