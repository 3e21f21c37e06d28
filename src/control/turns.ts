/** Work done one after the other, in the order in which it was asked for. */
export class Turns {
	private last: Promise<unknown> = Promise.resolve();

	/** Runs it when everything before it is over, whatever became of that. */
	run<T>(work: () => Promise<T>): Promise<T> {
		const turn = this.last.then(work);
		this.last = turn.catch(() => {});
		return turn;
	}
}
