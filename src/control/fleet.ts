import { randomInt } from 'node:crypto';
import type { Worker } from 'node:worker_threads';
import { EXIT, SluiceError } from '../core/errors.ts';
import type { FromWorker, WorkerStart } from '../core/messages.ts';
import type { Clock, NativeHost } from '../core/ports.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { NS_PER_MS } from '../core/units.ts';
import { SlotRegistry } from '../shared/registry.ts';
import { Repair } from '../shared/repair.ts';
import type { Scoreboard } from '../shared/scoreboard.ts';
import { wakeWorker } from '../shared/wake.ts';
import { BucketKeeper, SETTLE_MS } from './bucket-keeper.ts';
import { Claims } from './claims.ts';
import { Crew } from './crew.ts';
import { Heartbeat } from './heartbeat.ts';
import { ListenRetry } from './listen-retry.ts';
import { LiveSnapshots, roomInSight } from './live-snapshots.ts';
import type { Log } from './log.ts';
import { afterTimeout } from './probe-schedule.ts';
import { KEEP_MS, QueueKeeper } from './queue-keeper.ts';
import { restartDelayMs } from './restarts.ts';
import { RollCall } from './roll-call.ts';
import type { MakeSnapshot } from './snapshot-sources.ts';

export interface FleetOptions {
	/** The worker's entry. */
	readonly url: URL;
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
	/** The main thread's side of a native engine; null: workers run the engine on `node:net`. */
	readonly native: NativeHost | null;
	/** Replacing workers does not help any more. */
	readonly onGivenUp: (reason: string) => void;
}

/** A ledger cannot be repaired while another worker stands between two of its writes; that takes moments. */
const REPAIR_AGAIN_MS = 5;
/** How long a worker may take to close what is open. */
const CLOSE_GRACE_MS = 1_000;

/**
 * The workers with the shared memory they work on: keeps them running, gives back what a dead one held, and
 * puts snapshots in force on all of them.
 */
export class Fleet {
	readonly repairs: Repair;
	readonly scoreboard: Scoreboard;
	private readonly options: FleetOptions;
	private readonly registry: SlotRegistry;
	private readonly queues: QueueKeeper;
	private queueTimer: NodeJS.Timeout | null = null;
	private readonly buckets: BucketKeeper;
	private readonly settling: NodeJS.Timeout;
	private readonly crew: Crew;
	private readonly heartbeat: Heartbeat;
	private readonly live: LiveSnapshots;
	private readonly retry: ListenRetry;
	private readonly broken = Promise.withResolvers<never>();
	private phase: 'starting' | 'working' | 'ending' = 'starting';
	private snapshot: Snapshot | null = null;
	private lastId = 0;
	private applying = new RollCall([]);
	private ending = new RollCall([]);
	private failures: string[] = [];
	/** Replacements that do not serve yet. */
	private readonly returning = new Set<number>();

	constructor(options: FleetOptions) {
		this.options = options;
		this.registry = new SlotRegistry({
			workers: options.workers,
			seed: randomInt(2 ** 32),
			...(options.ringBytes === undefined ? {} : { ringBytes: options.ringBytes }),
		});
		this.scoreboard = this.registry.scoreboard;
		this.repairs = new Repair(this.scoreboard);
		const wakes = new Int32Array(this.registry.memory.wakes);
		this.queues = new QueueKeeper(this.scoreboard, (worker) => {
			wakeWorker(wakes, worker);
			options.native?.ring(worker);
		});
		this.buckets = new BucketKeeper(this.scoreboard);
		this.settling = setInterval(() => this.buckets.settle(options.clock.nowNs()), SETTLE_MS).unref();
		this.live = new LiveSnapshots((snapshot) => {
			this.registry.releaseSnapshot(snapshot);
			options.onSnapshotGone?.(snapshot);
		});
		this.retry = new ListenRetry({ log: options.log, after: afterTimeout, again: () => this.listenAgain() });
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
		this.heartbeat = new Heartbeat({ words: wakes, workers: options.workers, hangs: (worker) => this.endHung(worker) });
	}

	/** One record ring per worker, in their order. */
	get rings(): readonly SharedArrayBuffer[] {
		return this.registry.memory.rings;
	}

	/** The threads that run now; for tests, which end some. */
	get threads(): readonly Worker[] {
		return this.crew.running;
	}

	/** Number of the snapshot in force. */
	get snapshotId(): number {
		return this.snapshot?.id ?? 0;
	}

	/** A snapshot waits until an older one is let go. */
	get waitsForRoom(): boolean {
		return this.live.isFull;
	}

	/** Sessions of all workers now. */
	get sessions(): number {
		return this.snapshot === null ? 0 : this.scoreboard.active(this.snapshot.process.slot);
	}

	/**
	 * Starts all workers with their first snapshot; answers the addresses that could not be opened.
	 * @throws SluiceError when a worker dies before that.
	 */
	async start(compile: MakeSnapshot): Promise<readonly string[]> {
		this.queueTimer = setInterval(() => this.queues.tick(this.options.clock.nowNs()), KEEP_MS);
		for (let worker = 0; worker < this.options.workers; worker++) this.crew.spawn(worker);
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
		this.refuseWhenEnding();
		const snapshot = this.claimFor(compile);
		this.options.onSnapshot?.(snapshot);
		this.buckets.applyTerms(snapshot, this.options.clock.nowNs());
		this.failures = [];
		this.openNative(snapshot);
		this.applying = new RollCall(Array.from({ length: this.options.workers }, (_, worker) => worker));
		this.snapshot = snapshot;
		this.live.add(snapshot.id, this.crew.numbers);
		for (const worker of this.crew.numbers) this.sendSnapshot(worker, snapshot);
		await this.applying.complete;
		this.options.onInForce?.();
		return [...new Set(this.failures)];
	}

	private refuseWhenEnding(): void {
		if (this.phase === 'ending') throw new SluiceError('stopping', 'it is stopping; nothing was changed');
	}

	private openNative(snapshot: Snapshot): void {
		const failures = this.options.native?.open(snapshot) ?? [];
		this.failures.push(...failures);
		if (this.phase === 'working') this.retry.note(null, failures, snapshot);
	}

	/** What could not be opened is tried again; workers hear of sockets that they did not get before. */
	private listenAgain(): void {
		if (this.phase !== 'working' || this.snapshot === null) return;
		const { openers } = this.retry;
		if (openers.includes(null)) this.openNative(this.snapshot);
		const workers = this.crew.numbers.filter((worker) => openers.includes(null) || openers.includes(worker));
		for (const worker of workers) this.sendSnapshot(worker, this.snapshot);
	}

	/** Stops accepting and lets sessions go on until then; resolves when the last one is over. */
	drain(untilNs: number): Promise<void> {
		this.end();
		this.crew.hireNoMore();
		this.applying.dismiss();
		this.ending = new RollCall(this.crew.numbers);
		this.crew.sendAll({ type: 'stop', untilNs });
		return this.ending.complete;
	}

	private end(): void {
		this.phase = 'ending';
		this.live.close();
		this.retry.stop();
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
		clearInterval(this.settling);
		this.applying.dismiss();
		this.heartbeat.stop();
		await this.crew.dismiss();
		this.options.native?.close();
		if (this.queueTimer !== null) clearInterval(this.queueTimer);
	}

	/** Compiles the next snapshot, and keeps every slot it claims from reuse while it lives. */
	private claimFor(compile: MakeSnapshot): Snapshot {
		const claims = new Claims(this.registry);
		this.lastId += 1;
		const snapshot = compile(this.lastId, claims);
		claims.retain(snapshot.id);
		this.queues.apply(snapshot);
		return snapshot;
	}

	private startData(worker: number): WorkerStart {
		const { workers } = this.options;
		const native = this.options.native?.startOf(worker) ?? null;
		this.heartbeat.reset(worker);
		return { worker, workers, memory: this.registry.memory, seed: randomInt(2 ** 32), native };
	}

	private heard(worker: number, message: FromWorker): void {
		switch (message.type) {
			case 'applied':
				if (message.snapshot !== this.snapshot?.id) return;
				this.failures.push(...message.failures);
				if (this.returning.delete(worker)) this.options.log.warn('worker replaced', { worker });
				if (this.phase === 'working') this.retry.note(worker, message.failures, this.snapshot);
				return this.applying.answer(worker);
			case 'listening-ended':
				return this.options.native?.released(worker, message.key);
			case 'released':
				return this.live.released(worker, message.snapshot);
			case 'idle':
				return this.ending.answer(worker);
		}
	}

	/** Gives back what a dead worker held. */
	private async bury(worker: number, reason: string): Promise<void> {
		if (this.phase !== 'ending') {
			// They leave no records; among them those that had theirs and waited for a socket to close.
			const sessionsLost = this.snapshot === null ? 0 : this.scoreboard.activeOf(worker, this.snapshot.process.slot);
			this.options.log.error('worker died', { worker, reason, sessionsLost });
		}
		if (this.phase === 'starting') {
			const text = `worker ${worker} could not start: ${reason}`;
			this.broken.reject(new SluiceError('worker-failed', text, { exitCode: EXIT.internal }));
		}
		this.live.died(worker);
		this.retry.forget(worker);
		this.ending.answer(worker);
		this.options.native?.bury(worker);
		while (!this.repairs.repair(worker)) await new Promise((resolve) => setTimeout(resolve, REPAIR_AGAIN_MS));
		this.queues.tick(this.options.clock.nowNs());
		this.queues.wakeAll();
	}

	private welcome(worker: number): void {
		this.returning.add(worker);
		if (this.snapshot === null) return;
		this.live.joined(worker);
		this.options.native?.adopted(worker, this.snapshot);
		this.sendSnapshot(worker, this.snapshot);
	}

	private sendSnapshot(worker: number, snapshot: Snapshot): void {
		const sockets = this.options.native?.socketsOf(worker) ?? NO_SOCKETS;
		this.crew.send(worker, { type: 'snapshot', snapshot, memory: this.registry.memory, sockets });
	}

	private endHung(worker: number): void {
		this.options.log.error('worker hangs', { worker });
		this.crew.end(worker);
	}
}

const NO_SOCKETS: ReadonlyMap<string, number> = new Map();
