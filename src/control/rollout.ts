import type { FromWorker, ScoreboardMemory } from '../core/messages.ts';
import type { NativeHost } from '../core/ports.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Crew } from './crew.ts';
import { ListenRetry, type Opener } from './listen-retry.ts';
import type { Log } from './log.ts';
import type { After } from './probe-schedule.ts';
import { RollCall } from './roll-call.ts';
import type { Teams, Withheld } from './teams.ts';

export interface RolloutOptions {
	readonly teams: Teams;
	readonly crew: Pick<Crew, 'staff' | 'send'>;
	readonly native: NativeHost | null;
	readonly log: Pick<Log, 'info' | 'error'>;
	readonly after: After;
	memory(): ScoreboardMemory;
}

/**
 * Puts snapshots in force on the workers that run, and tries again what could not be opened.
 *
 * A listener may move from one engine to the other while clients connect. Native sockets are opened here, before any
 * worker hears of the snapshot, and take clients into their queues at once; then the team beside opens and closes its
 * own; the main one comes last, and takes in what waits in the queues of those it closes. So there is always a socket
 * that listens. A unix socket alone has to be let go of by one before the other can have it. Where nothing moves all
 * hear at once: a worker that hangs keeps nobody waiting then.
 */
export class Rollout {
	private readonly options: RolloutOptions;
	private readonly retry: ListenRetry;
	private current: Snapshot | null = null;
	private applying = new RollCall([]);
	private readonly failures = new Map<Opener, readonly string[]>();
	private phase: 'first' | 'rolling' | 'done' | 'stopped' = 'first';

	constructor(options: RolloutOptions) {
		this.options = options;
		this.retry = new ListenRetry({ ...options, again: () => this.listenAgain() });
	}

	/** The snapshot in force, or on its way. */
	get snapshot(): Snapshot | null {
		return this.current;
	}

	/**
	 * Resolves with the addresses that could not be opened when all workers have answered, or nobody waits for them any
	 * more. Not to be called again before that.
	 */
	async putInForce(snapshot: Snapshot): Promise<readonly string[]> {
		const { teams } = this.options;
		const { paths, ports } = teams.moved(this.current, snapshot);
		this.current = snapshot;
		this.failures.clear();
		if (this.phase === 'done') this.phase = 'rolling';
		const inTurn = teams.inOrder.map(({ numbers }) => numbers);
		const turns = paths.size + ports.size > 0 ? inTurn : [inTurn.flat()];
		await this.round(snapshot, turns, paths);
		if (paths.size > 0) await this.round(snapshot, turns, NOTHING);
		if (this.phase !== 'stopped') this.phase = 'done';
		return [...new Set([...this.failures.values()].flat())];
	}

	/** Gives a worker what is in force; one that is about to be replaced gets it by `adopt`. */
	send(worker: number, withheld: Withheld = NOTHING): void {
		const { teams, crew, native } = this.options;
		if (this.current === null) return;
		const snapshot = teams.part(this.current, teams.of(worker), withheld);
		const sockets = native?.socketsOf(worker) ?? NO_SOCKETS;
		const workers = crew.staff.length;
		crew.send(worker, { type: 'snapshot', snapshot, workers, memory: this.options.memory(), sockets });
	}

	/** A new worker begins: its predecessor's sockets are its own. */
	adopt(worker: number): void {
		const { teams, native } = this.options;
		if (this.current === null) return;
		native?.adopted(worker, teams.part(this.current, teams.of(worker)));
		this.send(worker);
	}

	/** A worker has it in force; false: that was another one. */
	applied(worker: number, message: Extract<FromWorker, { type: 'applied' }>): boolean {
		if (message.snapshot !== this.current?.id) return false;
		this.note(worker, message.failures);
		this.applying.answer(worker);
		return true;
	}

	/** The worker is gone. */
	forget(worker: number): void {
		this.retry.forget(worker);
	}

	/** Nothing is tried again, and nobody is waited for. */
	stop(): void {
		this.phase = 'stopped';
		this.retry.stop();
		this.applying.dismiss();
	}

	private async round(snapshot: Snapshot, turns: readonly (readonly number[])[], withheld: Withheld): Promise<void> {
		const { crew } = this.options;
		this.openNative(snapshot, withheld);
		for (const turn of turns) {
			if (this.phase === 'stopped') return;
			const staff = new Set(crew.staff);
			const numbers = turn.filter((worker) => staff.has(worker));
			this.applying = new RollCall(numbers);
			for (const worker of numbers) this.send(worker, withheld);
			await this.applying.complete;
		}
	}

	private openNative(snapshot: Snapshot, withheld: Withheld): void {
		const { teams, native } = this.options;
		if (native !== null) this.note(null, native.open(teams.part(snapshot, teams.main, withheld)));
	}

	private note(opener: Opener, failures: readonly string[]): void {
		const { teams } = this.options;
		this.failures.set(opener, failures);
		// The first snapshot is all or nothing: what fails is the caller's to tell.
		if (this.phase === 'first' || this.phase === 'stopped' || this.current === null) return;
		const team = opener === null ? teams.main : teams.of(opener);
		this.retry.note(opener, failures, teams.part(this.current, team));
	}

	/** What could not be opened is tried again; workers hear of sockets that they did not get before. */
	private listenAgain(): void {
		const { teams, crew } = this.options;
		// While a snapshot is on its way everything is tried anyway, in an order that matters.
		if (this.phase !== 'done' || this.current === null) return;
		const { openers } = this.retry;
		const native = openers.includes(null);
		if (native) this.openNative(this.current, NOTHING);
		for (const worker of crew.staff) {
			if (openers.includes(worker) || (native && teams.of(worker) === teams.main)) this.send(worker);
		}
	}
}

const NOTHING: Withheld = new Set();
const NO_SOCKETS: ReadonlyMap<string, number> = new Map();
