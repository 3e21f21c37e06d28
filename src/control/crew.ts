import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { errorText } from '../core/errors.ts';
import type { FromWorker, ToWorker, WorkerStart } from '../core/messages.ts';

/** What the crew tells its owner, and asks of it. */
export interface CrewOwner {
	/** What a worker of this number starts with; asked again for its replacement. */
	startData(worker: number): WorkerStart;
	message(worker: number, message: FromWorker): void;
	/** A message is on its way to a worker, whose loop may need to be told. */
	sent(worker: number): void;
	/** The thread is gone for good. Gives back what it held; its number is free when that is done. */
	died(worker: number, reason: string): Promise<void>;
	/** A replacement runs and waits for its first snapshot. */
	joined(worker: number): void;
	/** Replacing does not help any more. */
	givenUp(reason: string): void;
	nowMs(): number;
	/** How long to wait before replacing, or null to give up; see `restarts.ts`, which has the one that ships. */
	restartDelayMs(deathsMs: readonly number[], nowMs: number): number | null;
}

/**
 * Sessions leave little behind that lives long, and much that dies young: a small space for the young is cleared more
 * often, which costs nothing that shows, and spares each worker up to 40 MB of garbage that waits.
 */
const YOUNG_SPACE = { maxYoungGenerationSizeMb: 6 };

/**
 * The runtime guesses from the first objects of a kind how long the next will live. A few sessions that last while it
 * learns, and all that come later are born among the old, where they wait for the slow collector.
 */
setFlagsFromString('--no-allocation-site-pretenuring');
/** A space so small is cleared in a third of a millisecond: waking other threads to help would take as long. */
setFlagsFromString('--no-parallel-scavenge');

/**
 * The worker threads, by number. A worker that dies is replaced by one of the same number, later and
 * later when that happens often, until `givenUp`. Nobody is replaced after `letGo` or `hireNoMore`.
 */
export class Crew {
	private readonly url: URL;
	private readonly owner: CrewOwner;
	private readonly threads = new Map<number, Worker>();
	/** Those to be replaced when they die. */
	private readonly wanted = new Set<number>();
	private readonly replacements = new Map<number, NodeJS.Timeout>();
	private readonly deathsMs: number[] = [];

	constructor(url: URL, owner: CrewOwner) {
		this.url = url;
		this.owner = owner;
	}

	/** Numbers of the workers that run now. */
	get numbers(): number[] {
		return [...this.threads.keys()];
	}

	/** Numbers of all workers there are to be: those that run, and those that are about to be replaced. */
	get staff(): number[] {
		return [...this.wanted];
	}

	/** The threads that run now; for tests that end one. */
	get running(): readonly Worker[] {
		return [...this.threads.values()];
	}

	spawn(worker: number): void {
		this.wanted.add(worker);
		let reason = 'left by itself';
		const thread = new Worker(this.url, {
			resourceLimits: YOUNG_SPACE,
			workerData: this.owner.startData(worker),
			name: `sluice-${worker}`,
		});
		this.threads.set(worker, thread);
		thread.on('message', (message: FromWorker) => this.owner.message(worker, message));
		thread.on('error', (error) => {
			reason = errorText(error);
		});
		// After 'exit' the thread runs no instruction any more, which is what repairing its ledger needs.
		thread.on('exit', (code) => this.gone(worker, thread, code === 0 ? reason : `${reason} (exit code ${code})`));
	}

	send(worker: number, message: ToWorker): void {
		this.threads.get(worker)?.postMessage(message);
		this.owner.sent(worker);
	}

	sendAll(message: ToWorker): void {
		for (const worker of this.threads.keys()) this.send(worker, message);
	}

	/** Ends a thread that does not answer any more; it is replaced as one that died. */
	end(worker: number): void {
		void this.threads.get(worker)?.terminate();
		this.owner.sent(worker);
	}

	/** Ends a thread that nobody needs any more; resolves when it is gone. Its owner hears of no death. */
	async letGo(worker: number): Promise<void> {
		this.wanted.delete(worker);
		this.cancelReplacement(worker);
		const thread = this.threads.get(worker);
		this.threads.delete(worker);
		const ended = thread?.terminate();
		this.owner.sent(worker);
		await ended;
	}

	/** From now on who dies is not replaced. */
	hireNoMore(): void {
		this.wanted.clear();
		for (const worker of this.replacements.keys()) this.cancelReplacement(worker);
	}

	/** Ends every thread and replaces none. */
	async dismiss(): Promise<void> {
		this.hireNoMore();
		const ended = [...this.threads.values()].map((thread) => thread.terminate());
		for (const worker of this.threads.keys()) this.owner.sent(worker);
		await Promise.all(ended);
	}

	private gone(worker: number, thread: Worker, reason: string): void {
		if (this.threads.get(worker) !== thread) return;
		this.threads.delete(worker);
		void this.owner.died(worker, reason).then(() => {
			if (this.wanted.has(worker)) this.replace(worker, reason);
		});
	}

	private replace(worker: number, reason: string): void {
		const nowMs = this.owner.nowMs();
		this.deathsMs.push(nowMs);
		const delayMs = this.owner.restartDelayMs(this.deathsMs, nowMs);
		if (delayMs === null) {
			this.owner.givenUp(`workers keep dying, the last one of: ${reason}`);
			return;
		}
		const timer = setTimeout(() => {
			this.replacements.delete(worker);
			this.spawn(worker);
			this.owner.joined(worker);
		}, delayMs);
		this.replacements.set(worker, timer);
	}

	private cancelReplacement(worker: number): void {
		clearTimeout(this.replacements.get(worker));
		this.replacements.delete(worker);
	}
}
