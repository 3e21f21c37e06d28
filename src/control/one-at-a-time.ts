/** Runs what never rejects, one at a time: what begins while another is on its way is left out. */
export class OneAtATime {
	private running: Promise<void> | null = null;

	start(run: () => Promise<void>): void {
		if (this.running !== null) return;
		this.running = run().finally(() => {
			this.running = null;
		});
	}

	/** Resolves when the one that is on its way, if any, has ended. */
	async rested(): Promise<void> {
		await this.running;
	}
}
