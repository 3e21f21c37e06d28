/** What the main thread counts, for metrics. */
export class Tallies {
	readonly healthChanges = { up: 0, down: 0 };
	ejections = 0;
	readonly reloads = { done: 0, refused: 0 };
	workerDeaths = 0;

	health(what: 'up' | 'down' | 'ejected'): void {
		if (what === 'ejected') this.ejections += 1;
		else this.healthChanges[what] += 1;
	}
}
