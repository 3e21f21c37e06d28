import type { LogEvent } from '../../core/record.ts';
import type { EventView } from '../admin/views.ts';

/** How many are kept. */
const KEPT = 500;

/** The newest log events of `info` and above, numbered, for those who look at the process. */
export class EventLog {
	readonly #nowMs: () => number;
	readonly #kept: EventView[] = [];
	#last = 0;

	/** `nowMs`: wall clock. */
	constructor(nowMs: () => number) {
		this.#nowMs = nowMs;
	}

	note({ level, msg, fields }: LogEvent): void {
		if (level === 'debug') return;
		this.#last += 1;
		this.#kept.push({
			number: this.#last,
			time: new Date(this.#nowMs()).toISOString(),
			level,
			msg,
			fields: { ...fields },
		});
		if (this.#kept.length > KEPT) this.#kept.shift();
	}

	/** Those with higher numbers, oldest first. */
	after(number: number): readonly EventView[] {
		return this.#kept.filter((event) => event.number > number);
	}
}
