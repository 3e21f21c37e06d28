import { monotonicClock } from '../../src/clock.ts';
import type { LogEvent } from '../../src/core/record.ts';
import type { AcceptedFacts, RelayGate, RelayMeter, SessionAction, SessionEvent } from '../../src/core/session-io.ts';
import type { BackendSnapshot, BindSnapshot, PoolSnapshot } from '../../src/core/snapshot.ts';
import type { EngineFactory, EngineSession } from '../../src/engine/engine.ts';
import type { Teardown } from './echo.ts';
import { refusingAddress } from './net-ports.ts';
import { type DialOptions, dial, type Peer, targetOf } from './peers.ts';
import { type ListenerSpec, snapshotOf } from './snapshots.ts';

type EventOf<Type> = Extract<SessionEvent, { readonly type: Type }>;

/** What it answers to an event from inside the step. */
export type Answer = (event: SessionEvent) => readonly SessionAction[];

/** A session that asks what a test tells it to, and keeps what it is told. */
export class ScriptedSession implements EngineSession {
	journey: object | null = null;
	readonly deadlineNs = Number.POSITIVE_INFINITY;
	readonly backendSlot = null;
	readonly facts: AcceptedFacts;
	readonly meter: RelayMeter;
	over = false;
	/** Bytes are copies. */
	readonly events: SessionEvent[] = [];
	answer: Answer = () => [];
	/** Asked with the next event. */
	readonly wanted: SessionAction[] = [];
	#seen = 0;
	#wake: () => void = () => {};

	constructor(facts: AcceptedFacts, meter: RelayMeter) {
		this.facts = facts;
		this.meter = meter;
	}

	handle(event: SessionEvent, _nowNs: number, out: SessionAction[]): void {
		out.push(...this.wanted.splice(0), ...this.answer(event));
		if (event.type === 'closed') this.over = true;
		if (event.type !== 'grant') this.events.push(copied(event));
		this.#wake();
	}

	get types(): readonly string[] {
		return this.events.map(({ type }) => type);
	}

	/** The next event that was not seen yet, which has to be of this type. */
	async next<Type extends SessionEvent['type']>(type: Type): Promise<EventOf<Type>> {
		let event = this.events[this.#seen];
		for (; event === undefined; event = this.events[this.#seen]) {
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
		if (event.type !== type) throw new Error(`${event.type} instead of ${type}: ${JSON.stringify(event)}`);
		this.#seen += 1;
		return event as EventOf<Type>;
	}

	/** The text of the next event, which has to be the answer to a peek. */
	async bytes(): Promise<string> {
		return Buffer.from((await this.next('bytes')).bytes).toString('latin1');
	}
}

const copied = (event: SessionEvent): SessionEvent =>
	'bytes' in event ? { ...event, bytes: event.bytes.slice() } : event;

/** One client of an engine under test, with its session in the test's hands. */
export interface Scripted {
	readonly client: Peer;
	readonly session: ScriptedSession;
	readonly log: readonly LogEvent[];
	/** The session asks this, in one step. */
	ask(...actions: readonly SessionAction[]): void;
}

export interface ScriptedOptions {
	readonly listener?: ListenerSpec;
	readonly bind?: BindSnapshot['target'];
	readonly dial?: DialOptions;
	/** Set before the first event. */
	readonly answer?: Answer;
}

/** An engine with one listener and one client; `accepted` has been told. */
export async function scripted(t: Teardown, create: EngineFactory, options: ScriptedOptions = {}): Promise<Scripted> {
	const { host, port } = targetOf(await refusingAddress()) as { host: string; port: number };
	const bind = options.bind ?? { type: 'tcp', host, port };
	const sessions: ScriptedSession[] = [];
	const log: LogEvent[] = [];
	const engine = create<ScriptedSession>({
		worker: 0,
		clock: monotonicClock(),
		stragglers: () => 8,
		restingSockets: () => 32,
		createSession: (facts, meter) => {
			const session = new ScriptedSession(facts, meter);
			if (options.answer !== undefined) session.answer = options.answer;
			sessions.push(session);
			return session;
		},
		mayAccept: () => true,
		onSessionOver: () => {},
		onIdle: () => {},
		log: (event) => log.push(event),
	});
	// An engine's turns alone do not keep a process.
	const awake = setInterval(() => {}, 1_000);
	t.teardown(() => {
		clearInterval(awake);
		engine.destroy();
	});
	const target = bind.type === 'tcp' && bind.port === 0 ? { ...bind, port } : bind;
	const snapshot = snapshotOf({ listeners: [{ ...options.listener, binds: [{ target, v6Only: false }] }] });
	const failures = await new Promise<readonly string[]>((done) => engine.apply(snapshot, done));
	if (failures.length > 0) throw new Error(failures.join('\n'));
	const address = target.type === 'unix' ? `unix:${target.path}` : `127.0.0.1:${target.port}`;
	const client = await dial(t, address, options.dial);
	const session = await new Promise<ScriptedSession>((resolve) => {
		const look = (): void => {
			const [first] = sessions;
			if (first === undefined) setTimeout(look, 1);
			else resolve(first);
		};
		look();
	});
	await session.next('accepted');
	const ask = (...actions: readonly SessionAction[]): void => {
		session.wanted.push(...actions);
		engine.tell(session, { type: 'grant' });
	};
	return { client, session, log, ask };
}

/** Where `connect` finds this backend. */
export function placeAt(address: string): { readonly pool: PoolSnapshot; readonly backend: BackendSnapshot } {
	const found = targetOf(address);
	const target = 'path' in found ? { type: 'unix' as const, ...found } : { type: 'tcp' as const, ...found };
	const pool = snapshotOf({ pools: [{ backends: [{ target }] }] }).pools[0];
	const backend = pool?.backends[0];
	if (pool === undefined || backend === undefined) throw new Error('a snapshot without a backend');
	return { pool, backend };
}

/** The action that connects there. */
export const connectTo = (address: string, preface: string | null = null): SessionAction => ({
	type: 'connect',
	...placeAt(address),
	preface: preface === null ? null : Buffer.from(preface, 'latin1'),
});

export const peek = (beyond = 0, atMost = 4_096): SessionAction => ({ type: 'peek', beyond, atMost });
export const consume = (bytes: number): SessionAction => ({ type: 'consume', bytes });
export const greeting = (text: string): SessionAction => ({ type: 'greet', bytes: Buffer.from(text, 'latin1') });

/** Gates that let everything pass. */
const OPEN: RelayGate = { ask: (want) => want, readyNs: 0, unused: () => {}, rest: () => {} };

export const relayBy = (upload = OPEN, download = OPEN): SessionAction => ({
	type: 'relay',
	gates: { upload, download },
});
