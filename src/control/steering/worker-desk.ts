import type { FromWorker, ToWorker } from '../../core/messages.ts';
import type { ClientFacts, SessionFacts, SessionFilter } from '../../core/session-facts.ts';

/** A worker that is busy or hangs is not waited for any longer. */
const PATIENCE_MS = 2_000;

type Answer = Extract<FromWorker, { readonly ask: number }>;
type Question = Extract<ToWorker, { readonly ask: number }>;
type Asked = Question extends infer Q ? (Q extends Question ? Omit<Q, 'ask'> : never) : never;

export interface WorkerDeskOptions {
	/** Numbers of the workers that run now, in order. */
	workers(): readonly number[];
	send(worker: number, message: ToWorker): void;
	/** Calls back after so long, until cancelled. */
	after(ms: number, run: () => void): () => void;
}

/** Where a listing goes on: behind this session of this worker. */
export interface Place {
	readonly worker: number;
	readonly number: number;
}

/** Sessions with the worker that has them. */
export interface Found extends SessionFacts {
	readonly worker: number;
}

/** Asks workers about their sessions, one at a time or all at once. A worker that does not answer is left out. */
export class WorkerDesk {
	readonly #options: WorkerDeskOptions;
	readonly #waiting = new Map<number, (answer: Answer | null) => void>();
	#last = 0;

	constructor(options: WorkerDeskOptions) {
		this.#options = options;
	}

	/** A worker has answered. */
	heard(answer: Answer): void {
		this.#waiting.get(answer.ask)?.(answer);
	}

	/** At most so many behind `after`, worker by worker; one more than the page says that there is a further one. */
	async list(filter: SessionFilter, after: Place | null, limit: number): Promise<Found[]> {
		const found: Found[] = [];
		for (const worker of this.#options.workers()) {
			if (after !== null && worker < after.worker) continue;
			const from = after !== null && worker === after.worker ? after.number : 0;
			const left = limit - found.length;
			if (left <= 0) break;
			const answer = await this.#ask(worker, { type: 'list', filter, after: from, limit: left });
			if (answer?.type === 'listed') found.push(...answer.sessions.map((session) => ({ ...session, worker })));
		}
		return found;
	}

	/** The busiest clients of each worker. */
	async clients(listener: string | null, limit: number): Promise<ClientFacts[]> {
		const asked = this.#options.workers().map((worker) => this.#ask(worker, { type: 'clients', listener, limit }));
		const answers = await Promise.all(asked);
		return answers.flatMap((answer) => (answer?.type === 'clients' ? answer.clients : []));
	}

	/** False: that worker has no such session any more. */
	async kill({ worker, number }: Place): Promise<boolean> {
		if (!this.#options.workers().includes(worker)) return false;
		const answer = await this.#ask(worker, { type: 'kill', session: number });
		return answer?.type === 'killed' && answer.found;
	}

	#ask(worker: number, question: Asked): Promise<Answer | null> {
		this.#last += 1;
		const ask = this.#last;
		return new Promise((resolve) => {
			const settle = (answer: Answer | null): void => {
				this.#waiting.delete(ask);
				cancel();
				resolve(answer);
			};
			const cancel = this.#options.after(PATIENCE_MS, () => settle(null));
			this.#waiting.set(ask, settle);
			this.#options.send(worker, { ...question, ask });
		});
	}
}
