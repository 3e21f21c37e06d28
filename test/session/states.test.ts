import t from 'tap';
import type { SessionEvent } from '../../src/core/session-io.ts';
import type { SessionState } from '../../src/session/state.ts';
import { NEVER } from '../../src/session/timers.ts';
import { benchFor, bring, HELLO } from '../support/session-states.ts';
import { ACCEPTED, bytes, CLOSED, CONNECTED, eof, headerFor, REFUSED, reset } from '../support/session-steps.ts';
import { tlsFacts } from '../support/tls-terms.ts';

/** Every state and every event: what the session does, and where it is then. */
const EVENTS: Readonly<Record<string, SessionEvent>> = {
	accepted: ACCEPTED,
	'early-bytes': { type: 'early-bytes' },
	'client eof': eof('client'),
	'backend eof': eof('backend'),
	'client reset': reset('client'),
	'backend reset': reset('backend'),
	grant: { type: 'grant' },
	connected: CONNECTED,
	'connect failed': REFUSED,
	'a PROXY header': bytes(headerFor('198.51.100.7')),
	'a hello': HELLO,
	'bytes that are none': { type: 'bytes', bytes: Uint8Array.of(0) },
	'half a hello': { type: 'bytes', bytes: Uint8Array.of(22, 3, 1) },
	'tls ready': { type: 'tls-ready', tls: tlsFacts() },
	'tls failed': { type: 'tls-failed', reason: 'no' },
	'greeted well': { type: 'greeted', bytes: Uint8Array.of(0x53) },
	'greeted badly': { type: 'greeted', bytes: Uint8Array.of(0x4e) },
	'upstream tls ready': { type: 'upstream-tls-ready' },
	'upstream tls failed': { type: 'upstream-tls-failed', reason: 'no' },
	'client flushed': { type: 'flushed', side: 'client' },
	'relay ended': { type: 'relay-ended' },
	'early deadline': { type: 'deadline' },
	evict: { type: 'evict' },
	'drain later': { type: 'drain', untilNs: 1e15, outcome: 'drained' },
	'drain at once': { type: 'drain', untilNs: 0, outcome: 'drained' },
	kill: { type: 'kill', outcome: 'killed' },
	'kill by fault': { type: 'kill', outcome: 'internal-error' },
	closed: CLOSED,
};

type Row = Readonly<Record<string, string>>;
const KILLS: Row = {
	'drain at once': 'close fin -> closing',
	kill: 'close fin -> closing',
	'kill by fault': 'close reset -> closing',
};
const CANCELS: Row = {
	'drain at once': 'cancel-connect, close fin -> closing',
	kill: 'cancel-connect, close fin -> closing',
	'kill by fault': 'cancel-connect, close reset -> closing',
};

/** What is not named changes nothing. */
const TABLE: Readonly<Record<SessionState, Row>> = {
	new: { accepted: 'connect pool0-b0 -> connecting', 'client reset': 'close reset -> closing', ...KILLS },
	'proxy-header': {
		'a PROXY header': 'consume, connect pool0-b0 -> connecting',
		'client eof': 'close fin -> closing',
		'client reset': 'close reset -> closing',
		'a hello': 'close fin -> closing',
		'half a hello': 'close fin -> closing',
		'bytes that are none': 'close fin -> closing',
		...KILLS,
	},
	'client-hello': {
		'a PROXY header': 'close fin -> closing',
		'client eof': 'close fin -> closing',
		'client reset': 'close reset -> closing',
		'a hello': 'connect pool0-b0 -> connecting',
		'half a hello': 'peek -> client-hello',
		'bytes that are none': 'close fin -> closing',
		...KILLS,
	},
	handshaking: {
		'client eof': 'close fin -> closing',
		'client reset': 'close reset -> closing',
		'tls ready': 'connect pool0-b0 -> connecting',
		'tls failed': 'close fin -> closing',
		...KILLS,
	},
	greeting: {
		'client reset': 'cancel-connect, close reset -> closing',
		'greeted well': 'secure -> securing',
		'greeted badly': 'cancel-connect -> backoff',
		'upstream tls failed': ' -> backoff',
		'backend eof': 'cancel-connect -> backoff',
		'backend reset': 'cancel-connect -> backoff',
		...CANCELS,
	},
	securing: {
		'client reset': 'cancel-connect, close reset -> closing',
		'upstream tls ready': 'relay -> relaying',
		'upstream tls failed': ' -> backoff',
		'backend eof': 'cancel-connect -> backoff',
		'backend reset': 'cancel-connect -> backoff',
		...CANCELS,
	},
	silent: {
		'client eof': 'close reset -> closing',
		'backend eof': 'close reset -> closing',
		'client reset': 'close reset -> closing',
		'backend reset': 'close reset -> closing',
		evict: 'close reset -> closing',
		...KILLS,
	},
	queued: { 'client eof': 'close fin -> closing', 'client reset': 'close reset -> closing', ...KILLS },
	tarpit: { 'client reset': 'close reset -> closing', evict: 'close reset -> closing', ...KILLS },
	waiting: { 'client reset': 'close reset -> closing', ...KILLS },
	connecting: {
		'client reset': 'cancel-connect, close reset -> closing',
		connected: 'relay -> relaying',
		'connect failed': ' -> backoff',
		...CANCELS,
	},
	backoff: { 'client reset': 'close reset -> closing', ...KILLS },
	relaying: {
		'client eof': 'shutdown backend -> relaying',
		'backend eof': 'shutdown client -> relaying',
		'client reset': 'flush backend -> flushing',
		'backend reset': 'flush client -> flushing',
		'relay ended': 'close fin -> closing',
		...KILLS,
	},
	flushing: {
		'client reset': 'close reset -> closing',
		'client flushed': 'close reset -> closing',
		kill: 'close fin -> closing',
		'kill by fault': 'close reset -> closing',
	},
	closing: { closed: ' -> over', 'kill by fault': 'close reset -> closing' },
	over: {},
};

for (const [state, row] of Object.entries(TABLE) as [SessionState, Row][]) {
	t.test(`state ${state}: every event`, async (t) => {
		for (const [name, event] of Object.entries(EVENTS)) {
			const s = bring(state);
			t.equal(s.session.currentState, state, `brought into ${state}`);
			const actions = s.send(event);
			const seen = `${actions.join(', ')} -> ${s.session.currentState}`;
			t.equal(seen, row[name] ?? ` -> ${state}`, `${state}: ${name}`);
		}
	});
}

t.test('a deadline is never in the past unless an end is due, in any state', async (t) => {
	for (const state of Object.keys(TABLE) as SessionState[]) {
		for (const event of Object.values(EVENTS)) {
			const b = benchFor(state);
			const s = bring(state, b);
			s.send(event);
			t.ok(s.session.deadlineNs > b.nowNs, `${state} after ${event.type}`);
		}
	}
});

/** What happens in a state that lasts as long as it may. */
const EXPIRED: Readonly<Record<SessionState, string | null>> = {
	new: null,
	waiting: ' -> waiting',
	'proxy-header': 'close fin -> closing',
	'client-hello': 'close fin -> closing',
	tarpit: 'connect pool0-b0 -> connecting',
	silent: 'close reset -> closing',
	handshaking: 'close fin -> closing',
	queued: 'close fin -> closing',
	connecting: 'cancel-connect -> backoff',
	greeting: 'cancel-connect -> backoff',
	securing: 'cancel-connect -> backoff',
	backoff: 'connect pool0-b0 -> connecting',
	relaying: 'close fin -> closing',
	flushing: 'close reset -> closing',
	closing: null,
	over: null,
};

t.test('no state but the first and the last lasts for ever', async (t) => {
	for (const [state, expected] of Object.entries(EXPIRED) as [SessionState, string | null][]) {
		const s = bring(state);
		if (expected === null) {
			t.equal(s.session.deadlineNs, NEVER, state);
			continue;
		}
		const actions = s.expire();
		t.equal(`${actions.join(', ')} -> ${s.session.currentState}`, expected, state);
	}
});

t.test('the longest duration and a drain end a session in whatever state it is, but for what is flushed', async (t) => {
	for (const state of Object.keys(TABLE) as SessionState[]) {
		if (state === 'new' || state === 'closing' || state === 'over') continue;
		const flushing = state === 'flushing';
		const long = benchFor(state, { maxDurationMs: 1 });
		const s = bring(state, long);
		s.expire();
		t.equal(long.records[long.records.length - 1]?.outcome, flushing ? 'backend-reset' : 'max-duration', state);
		const drained = benchFor(state);
		const other = bring(state, drained);
		other.send({ type: 'drain', untilNs: drained.nowNs + 1, outcome: 'drained' });
		other.expire();
		t.equal(drained.records[drained.records.length - 1]?.outcome, flushing ? 'backend-reset' : 'drained', state);
		other.send(CLOSED);
		t.equal(drained.board.total, state === 'queued' ? 3 : 0, `${state}: what it held is given back`);
	}
});
