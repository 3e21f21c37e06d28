import { NS_PER_MS } from '../../src/core/units.ts';
import { Agenda } from './agenda.ts';

/** A clock with timers that go off when a test lets time pass. */
export class VirtualTime {
	private readonly agenda = new Agenda();
	private ran = 0;

	get nowMs(): number {
		return this.agenda.nowNs / NS_PER_MS;
	}

	readonly nowNs = (): number => this.agenda.nowNs;

	readonly after = (ms: number, run: () => void): (() => void) => {
		let live = true;
		this.agenda.after(ms * NS_PER_MS, () => {
			this.ran += 1;
			if (live) run();
		});
		return () => {
			live = false;
		};
	};

	readonly every = (ms: number, run: () => void): (() => void) => {
		let cancel = (): void => {};
		const next = (): void => {
			cancel = this.after(ms, () => {
				next();
				run();
			});
		};
		next();
		return () => cancel();
	};

	/** Lets so much time pass; everything due in it happens at its instant, the last one included. */
	pass(ms: number): void {
		const untilNs = this.agenda.nowNs + ms * NS_PER_MS;
		let over = false;
		let seen = -1;
		const end = (): void => {
			over = seen === this.ran;
			seen = this.ran;
			if (!over) this.agenda.at(untilNs, end);
		};
		this.agenda.at(untilNs, end);
		while (!over) this.agenda.step();
	}
}
