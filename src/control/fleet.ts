import { randomInt } from 'node:crypto';
import type { Worker } from 'node:worker_threads';
import { EXIT, SluiceError } from '../core/errors.ts';
import type { FromWorker, ToWorker, WorkerStart } from '../core/messages.ts';
import type { Clock, EngineName, NativeHost } from '../core/ports.ts';
import type { ListenerSnapshot, Snapshot } from '../core/snapshot.ts';
import { NS_PER_MS } from '../core/units.ts';
import { Crew } from './crew.ts';
import { Heartbeat } from './heartbeat.ts';
import { LiveSnapshots, roomInSight } from './live-snapshots.ts';
import type { Log } from './log.ts';
import { afterTimeout } from './probe-schedule.ts';
import { everyInterval } from './resolve.ts';
import { restartDelayMs } from './restarts.ts';
import { RollCall } from './roll-call.ts';
import { Rollout } from './rollout.ts';
import { SharedState } from './shared-state.ts';
import type { MakeSnapshot } from './snapshot-sources.ts';
import { TeamBeside } from './team-beside.ts';
import { type Team, Teams } from './teams.ts';

export interface FleetOptions {
	/** The worker's entry. */
	readonly url: URL;
	/** Of each engine. */
	readonly workers: number;
	readonly clock: Clock;
	readonly log: Log;
	/** Of each worker's record ring; a power of two. */
	readonly ringBytes?: number | undefined;
	/** Workers are about to get it: what it rests on is to be there by the time clients come. */
	readonly onSnapshot?: (snapshot: Snapshot) => void;
	/** Every worker decides by it. */
	readonly onInForce?: () => void;
	/** Nobody uses that snapshot any more. */
	readonly onSnapshotGone?: (snapshot: number) => void;
	/** The main thread's side of a native engine; null: all workers run the engine on `node:net`. */
	readonly native: NativeHost | null;
	/** A worker answers what it was asked. */
	readonly onAnswer?: (message: Extract<FromWorker, { readonly ask: number }>) => void;
	/** A worker has died, outside of a stop. */
	readonly onDeath?: () => void;
	/** Replacing workers does not help any more. */
	readonly onGivenUp: (reason: string) => void;
}

/** How long a worker may take to close what is open. */
const CLOSE_GRACE_MS = 1_000;

/**
 * The workers with the shared memory they work on: keeps them running, gives back what a dead one held, and
 * puts snapshots in force on all of them.
 */
export class Fleet {
	readonly shared: SharedState;
	private readonly options: FleetOptions;
	private readonly crew: Crew;
	private readonly heartbeat: Heartbeat;
	private readonly live: LiveSnapshots;
	private readonly teams: Teams;
	private readonly beside: TeamBeside;
	private readonly rollout: Rollout;
	private readonly broken = Promise.withResolvers<never>();
	private phase: 'starting' | 'working' | 'ending' = 'starting';
	private ending = new RollCall([]);
	private leaving = new RollCall([]);
	/** Replacements that do not serve yet. */
	private readonly returning = new Set<number>();

	constructor(options: FleetOptions) {
		this.options = options;
		this.teams = new Teams(options.native === null ? 'node' : 'epoll', options.workers);
		this.shared = new SharedState({
			workers: this.teams.capacity,
			ringBytes: options.ringBytes,
			clock: options.clock,
			ring: (worker) => options.native?.ring(worker),
			gone: (snapshot) => options.onSnapshotGone?.(snapshot),
		});
		this.live = new LiveSnapshots((snapshot) => this.shared.release(snapshot));
		this.broken.promise.catch(() => {});
		this.crew = new Crew(options.url, {
			startData: (worker) => this.startData(worker),
			message: (worker, message) => this.heard(worker, message),
			sent: (worker) => options.native?.ring(worker),
			died: (worker, reason) => this.bury(worker, reason),
			joined: (worker) => this.welcome(worker),
			givenUp: options.onGivenUp,
			nowMs: () => options.clock.nowNs() / NS_PER_MS,
			restartDelayMs,
		});
		this.beside = new TeamBeside({
			teams: this.teams,
			every: everyInterval,
			hire: (team) => this.hire(team),
			sessionsOf: (team) => this.sessionsOf(team),
			letGo: (team) => this.letGo(team),
		});
		this.rollout = new Rollout({
			...options,
			teams: this.teams,
			crew: this.crew,
			after: afterTimeout,
			memory: () => this.shared.memory,
		});
		this.heartbeat = new Heartbeat({
			words: this.shared.wakes,
			workers: this.teams.capacity,
			hangs: (worker) => this.endHung(worker),
		});
	}

	/** The threads that run now; for tests, which end some. */
	get threads(): readonly Worker[] {
		return this.crew.running;
	}

	/** Numbers of the workers that run now, in order. */
	get workerNumbers(): readonly number[] {
		return this.crew.numbers.toSorted((a, b) => a - b);
	}

	send(worker: number, message: ToWorker): void {
		this.crew.send(worker, message);
	}

	/** The snapshot in force, or on its way; null before the first one. */
	get snapshot(): Snapshot | null {
		return this.rollout.snapshot;
	}

	/** Its number. */
	get snapshotId(): number {
		return this.snapshot?.id ?? 0;
	}

	/** What serves a listener. */
	engineOf(listener: Pick<ListenerSnapshot, 'needsNode'>): EngineName {
		return this.teams.serving(listener).engine;
	}

	/** A snapshot waits until an older one is let go. */
	get waitsForRoom(): boolean {
		return this.live.isFull;
	}

	/** Sessions of all workers now. */
	get sessions(): number {
		return this.snapshot === null ? 0 : this.shared.scoreboard.active(this.snapshot.process.slot);
	}

	/**
	 * Starts all workers with their first snapshot; answers the addresses that could not be opened.
	 * @throws SluiceError when a worker dies before that.
	 */
	async start(compile: MakeSnapshot): Promise<readonly string[]> {
		this.hire(this.teams.main);
		const failures = await Promise.race([this.publish(compile), this.broken.promise]);
		this.refuseWhenEnding();
		this.phase = 'working';
		this.heartbeat.start();
		return failures;
	}

	/**
	 * Puts a snapshot in force on every worker; resolves when all have answered. Not to be called again
	 * before that. Waits while too many older ones are in use.
	 */
	async publish(compile: MakeSnapshot): Promise<readonly string[]> {
		await roomInSight(this.live, this.options);
		await this.beside.settled();
		try {
			this.refuseWhenEnding();
			const snapshot = this.shared.snapshot(compile, this.options.clock.nowNs());
			this.options.onSnapshot?.(snapshot);
			this.beside.prepare(snapshot);
			this.live.add(snapshot.id, this.crew.numbers);
			const failures = await this.rollout.putInForce(snapshot);
			this.options.onInForce?.();
			return failures;
		} finally {
			if (this.phase !== 'ending') this.beside.review(this.snapshot);
		}
	}

	private refuseWhenEnding(): void {
		if (this.phase === 'ending') throw new SluiceError('stopping', 'it is stopping; nothing was changed');
	}

	/** Stops accepting and lets sessions go on until then; resolves when the last one is over. */
	drain(untilNs: number): Promise<void> {
		this.end();
		this.crew.hireNoMore();
		this.ending = new RollCall(this.crew.numbers);
		this.crew.sendAll({ type: 'stop', untilNs });
		return this.ending.complete;
	}

	private end(): void {
		this.phase = 'ending';
		this.live.close();
		this.beside.stop();
		this.rollout.stop();
	}

	/** Closes every session at once; resolves when that is done, or a worker does not answer in time. */
	async closeAll(): Promise<void> {
		this.ending = new RollCall(this.crew.numbers);
		this.crew.sendAll({ type: 'close-all' });
		const late = setTimeout(() => this.ending.dismiss(), CLOSE_GRACE_MS);
		await this.ending.complete;
		clearTimeout(late);
	}

	/** Ends all threads, whatever they do. */
	async dismiss(): Promise<void> {
		this.end();
		this.heartbeat.stop();
		await this.crew.dismiss();
		this.options.native?.close();
		this.shared.stop();
	}

	private hire({ numbers }: Team): void {
		for (const worker of numbers) this.crew.spawn(worker);
	}

	private startData(worker: number): WorkerStart {
		const { native } = this.options;
		const { engine, numbers } = this.teams.of(worker);
		this.heartbeat.reset(worker);
		return {
			worker,
			place: numbers.indexOf(worker),
			workers: numbers.length,
			memory: this.shared.memory,
			seed: randomInt(2 ** 32),
			bells: native?.bells ?? [],
			native: engine === 'node' ? null : (native?.startOf(worker) ?? null),
		};
	}

	private heard(worker: number, message: FromWorker): void {
		switch (message.type) {
			case 'applied':
				if (!this.rollout.applied(worker, message) || !this.returning.delete(worker)) return;
				return this.options.log.warn('worker replaced', { worker, engine: this.teams.of(worker).engine });
			case 'listening-ended':
				return this.options.native?.released(worker, message.key);
			case 'released':
				return this.live.released(worker, message.snapshot);
			case 'idle':
				this.leaving.answer(worker);
				return this.ending.answer(worker);
			case 'listed':
			case 'clients':
			case 'killed':
				return this.options.onAnswer?.(message);
		}
	}

	/** Gives back what a dead worker held. */
	private async bury(worker: number, reason: string): Promise<void> {
		if (this.phase !== 'ending') {
			// They leave no records; among them those that had theirs and waited for a socket to close.
			this.options.onDeath?.();
			const { engine } = this.teams.of(worker);
			this.options.log.error('worker died', { worker, engine, reason, sessionsLost: this.sessionsAt(worker) });
		}
		if (this.phase === 'starting') {
			const text = `worker ${worker} could not start: ${reason}`;
			this.broken.reject(new SluiceError('worker-failed', text, { exitCode: EXIT.internal }));
		}
		await this.clearUp(worker);
	}

	/** The thread runs no more: whatever it had is given back, and nobody waits for it. */
	private async clearUp(worker: number): Promise<void> {
		this.live.died(worker);
		this.rollout.forget(worker);
		this.ending.answer(worker);
		this.leaving.answer(worker);
		this.options.native?.bury(worker);
		await this.shared.restore(worker);
	}

	private welcome(worker: number): void {
		this.returning.add(worker);
		this.live.joined(worker);
		this.rollout.adopt(worker);
	}

	private sessionsAt(worker: number): number {
		return this.snapshot === null ? 0 : this.shared.activeOf(worker, this.snapshot.process.slot);
	}

	private sessionsOf({ numbers }: Team): number {
		return numbers.reduce((sum, worker) => sum + this.sessionsAt(worker), 0);
	}

	/** Last bytes of sessions that are over have the time that the engine gives them. */
	private async letGo({ engine, numbers }: Team): Promise<void> {
		this.leaving = new RollCall(this.crew.numbers.filter((worker) => numbers.includes(worker)));
		for (const worker of numbers) this.crew.send(worker, { type: 'stop', untilNs: this.options.clock.nowNs() });
		await this.leaving.complete;
		await Promise.all(numbers.map((worker) => this.crew.letGo(worker)));
		for (const worker of numbers) {
			this.heartbeat.reset(worker);
			await this.clearUp(worker);
		}
		if (this.phase !== 'ending') this.options.log.info('workers no longer needed', { engine, workers: numbers.length });
	}

	private endHung(worker: number): void {
		this.options.log.error('worker hangs', { worker, engine: this.teams.of(worker).engine });
		this.crew.end(worker);
	}
}
