/** Waits until each of some workers has answered. */
export class RollCall {
	/** Resolves when nobody is waited for any more. */
	readonly complete: Promise<void>;
	private readonly missing: Set<number>;
	private readonly finish: () => void;

	constructor(workers: Iterable<number>) {
		const { promise, resolve } = Promise.withResolvers<void>();
		this.complete = promise;
		this.finish = resolve;
		this.missing = new Set(workers);
		if (this.missing.size === 0) resolve();
	}

	answer(worker: number): void {
		this.missing.delete(worker);
		if (this.missing.size === 0) this.finish();
	}

	/** Wait no longer, whoever is missing. */
	dismiss(): void {
		this.finish();
	}
}
