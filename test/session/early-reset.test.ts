import t from 'tap';
import type { SessionEvent } from '../../src/core/session-io.ts';
import { type BenchSession, SessionBench } from '../support/session-bench.ts';
import { snapshotOf } from '../support/snapshots.ts';

const RESET: SessionEvent = { type: 'reset', side: 'backend' };

/** A session in its relay, and how many early resets are told of it in the end. */
function toldAfter(happens: (session: BenchSession, bench: SessionBench) => void, end: SessionEvent = RESET): number {
	const bench = new SessionBench(snapshotOf());
	const session = bench.open();
	session.send({ type: 'accepted' });
	session.send({ type: 'connected' });
	happens(session, bench);
	session.send(end);
	session.send(RESET);
	return bench.earlyResets.length;
}

t.test('a backend that resets before any byte is told, once; what a client can provoke is not', async (t) => {
	t.equal(
		toldAfter(() => {}),
		1,
		'nothing had passed',
	);
	t.equal(
		toldAfter((_, bench) => bench.pass(999)),
		1,
		'soon after the connect',
	);
	t.equal(
		toldAfter((_, bench) => bench.pass(1_001)),
		0,
		'a backend that has lost patience with a silent client',
	);
	t.equal(
		toldAfter(({ meter }) => {
			meter.uploadBytes = 1;
		}),
		0,
		'the client had sent a byte',
	);
	t.equal(
		toldAfter(({ meter }) => {
			meter.downloadBytes = 1;
		}),
		0,
		'the backend had',
	);
	t.equal(
		toldAfter((session) => void session.send({ type: 'eof', side: 'client' })),
		0,
		'the client had sent its FIN',
	);
	t.equal(
		toldAfter(() => {}, { type: 'reset', side: 'client' }),
		0,
		'the client reset first',
	);
});

t.test('a client that sent its FIN before the relay may have provoked the reset, too', async (t) => {
	const bench = new SessionBench(snapshotOf());
	const session = bench.open();
	session.send({ type: 'accepted' });
	session.send({ type: 'eof', side: 'client' });
	session.send({ type: 'connected' });
	session.send(RESET);
	t.strictSame(bench.earlyResets, []);
});
