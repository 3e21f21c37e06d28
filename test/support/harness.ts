import { App } from '../../src/app.ts';
import type { AccessLine } from '../../src/control/access-line.ts';
import { parseConfigObject } from '../../src/control/config/load.ts';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import { Log } from '../../src/control/log.ts';
import type { LogEvent } from '../../src/core/record.ts';
import type { EngineFactory } from '../../src/engine/engine.ts';
import { createNodeEngine } from '../../src/engine/node/engine.ts';
import { startOnAnyPort } from './any-port.ts';
import { closeBackends, type Teardown } from './echo.ts';
import { type EngineName, enginesOf } from './engines.ts';
import { createEpollInProcess, createRingInProcess, ringReason } from './epoll-in-process.ts';
import { InProcess } from './harness-in-process.ts';
import { until } from './peers.ts';
import { withoutHealth } from './without-health.ts';

/** What a listener, a pool and the rest look like in a file; short forms for tests. */
export type TestConfig = ConfigInput;

/** A balancer under test, however it is put together. */
export interface Balancer {
	/** The address of the listener's first bind, or its `nth` from 0, with the real port. */
	address(listener?: string, nth?: number): string;
	readonly records: readonly AccessLine[];
	readonly events: readonly LogEvent[];
	/** The first `count` records, once there are so many. */
	recorded(count: number, withinMs?: number): Promise<readonly AccessLine[]>;
	reload(config: TestConfig): Promise<void>;
	/** Stops accepting, lets sessions go on for `drainMs`, closes the rest. A second call waits for the first. */
	stop(drainMs?: number): Promise<void>;
	/** Whether nothing is held on the scoreboard. */
	isZero(): boolean;
	/** Which engine moves the bytes, as the running balancer has it. */
	readonly engine: string;
	/** Ends every session, as an operator does. */
	killAll(): Promise<void>;
	/** From now on every random choice throws; null where the sessions are out of reach. */
	readonly plantFault: (() => void) | null;
}

/** One way to put a balancer together with one engine. */
export interface Target {
	readonly name: string;
	readonly engine: EngineName;
	readonly workers: number;
	start(t: Teardown, config: TestConfig): Promise<Balancer>;
}

/** Every engine of this build, by its name in the configuration, in each of its ways to move bytes. */
const ENGINES: readonly { readonly engine: EngineName; readonly way: string; readonly create: EngineFactory }[] = [
	{ engine: 'node', way: 'node engine', create: createNodeEngine },
	{ engine: 'epoll', way: 'epoll engine', create: createEpollInProcess },
	...(ringReason === null
		? [{ engine: 'epoll', way: 'epoll engine by io_uring', create: createRingInProcess } as const]
		: []),
];

/** Worker threads under the whole application. */
const APPLICATION_WORKERS = 2;

/** Each engine alone, in this thread. */
export const engineTargets = (asked = enginesOf(process.platform)): readonly Target[] =>
	ENGINES.filter(({ engine }) => asked.includes(engine)).map(({ engine, way, create }) => ({
		name: way,
		engine,
		workers: 1,
		start: async (t, config) =>
			kept(t, new Collected(await InProcess.start(parseConfigObject(withoutHealth(config)), create))),
	}));

/** Each engine alone, and the whole application with two worker threads. */
export const allTargets = (asked = enginesOf(process.platform)): readonly Target[] => [
	...engineTargets(asked),
	...asked.map(
		(engine): Target => ({
			engine,
			name: `application, ${engine}, 2 workers`,
			workers: APPLICATION_WORKERS,
			start: (t, config) => startApplication(t, engine, config),
		}),
	),
];

/** The parts of a running balancer that assemblies make each in their way. */
export interface Assembly {
	readonly addresses: readonly { readonly listener: string; readonly address: string }[];
	readonly records: AccessLine[];
	readonly events: LogEvent[];
	reload(config: TestConfig): Promise<void>;
	stop(drainMs: number): Promise<void>;
	isZero(): boolean;
	killAll(): Promise<void>;
	readonly ran: string;
	readonly plantFault: (() => void) | null;
}

class Collected implements Balancer {
	readonly #assembly: Assembly;
	#stopped: Promise<void> | null = null;

	constructor(assembly: Assembly) {
		this.#assembly = assembly;
	}

	get records(): readonly AccessLine[] {
		return this.#assembly.records;
	}

	get events(): readonly LogEvent[] {
		return this.#assembly.events;
	}

	address(listener = 'in', nth = 0): string {
		const found = this.#assembly.addresses.filter((entry) => entry.listener === listener)[nth];
		if (found === undefined) throw new Error(`no address ${nth} of listener ${listener}`);
		return found.address;
	}

	async recorded(count: number, withinMs?: number): Promise<readonly AccessLine[]> {
		await until(`${count} records`, () => this.records.length >= count, withinMs);
		return this.records.slice(0, count);
	}

	reload(config: TestConfig): Promise<void> {
		return this.#assembly.reload(config);
	}

	stop(drainMs = 0): Promise<void> {
		this.#stopped ??= this.#assembly.stop(drainMs);
		return this.#stopped;
	}

	isZero(): boolean {
		return this.#assembly.isZero();
	}

	get engine(): string {
		return this.#assembly.ran;
	}

	killAll(): Promise<void> {
		return this.#assembly.killAll();
	}

	get plantFault(): (() => void) | null {
		return this.#assembly.plantFault;
	}
}

async function startApplication(t: Teardown, engine: EngineName, config: TestConfig): Promise<Balancer> {
	const records: AccessLine[] = [];
	const events: LogEvent[] = [];
	const log = new Log(
		{ output: null, onLog: (event) => events.push(event), onRecord: (record) => records.push(record) },
		'info',
	);
	const withWorkers = (given: TestConfig): TestConfig =>
		withoutHealth({ ...given, engine, workers: APPLICATION_WORKERS });
	const onFatal = (reason: string): void => {
		throw new Error(reason);
	};
	const app = await startOnAnyPort(() => App.start(parseConfigObject(withWorkers(config)), { log, onFatal }));
	const assembly: Assembly = {
		get addresses() {
			return app.addresses;
		},
		records,
		events,
		reload: async (given) => {
			await app.reload(() => parseConfigObject(withWorkers(given)));
		},
		stop: (drainMs) => app.stop({ drainMs, preStopMs: 0 }),
		isZero: () => app.held.zero,
		ran: app.engine,
		killAll: async () => {
			const { sessions } = await app.operations.sessions({ limit: 1_000 });
			for (const { id } of sessions) await app.operations.kill(id, 'a test');
		},
		plantFault: null,
	};
	return kept(t, new Collected(assembly));
}

/** Whatever the test did, all is given back in the end. */
function kept(t: Teardown, balancer: Balancer): Balancer {
	t.teardown(async () => {
		closeBackends(t);
		await balancer.stop();
		if (!balancer.isZero()) throw new Error('the scoreboard still holds something after the stop');
	});
	return balancer;
}
