import { SluiceError } from '../core/errors.ts';

/** A timer of Node's holds at most 2^31 - 1 ms. */
const LONGEST_MS = 2 ** 31 - 1;

/** Waiting that somebody may cut short, for good. */
export class Patience {
	private readonly hurried = Promise.withResolvers<void>();

	/** Every wait is over, this one and those to come. */
	hurry(): void {
		this.hurried.resolve();
	}

	/** So long, or until it is `over`, or until `hurry`. */
	async wait(ms: number, over?: Promise<void>): Promise<void> {
		if (ms <= 0) return;
		const { promise, resolve } = Promise.withResolvers<void>();
		const timer = setTimeout(resolve, Math.min(ms, LONGEST_MS));
		await Promise.race([promise, this.hurried.promise, ...(over === undefined ? [] : [over])]);
		clearTimeout(timer);
	}
}

/** The result of some work, unless it is cancelled before that. @throws SluiceError `cancelled`; the work goes on. */
export async function unlessCancelled<T>(work: Promise<T>, cancel: AbortSignal | undefined): Promise<T> {
	if (cancel === undefined) return work;
	const cancelled = Promise.withResolvers<never>();
	const fail = (): void => cancelled.reject(new SluiceError('cancelled', 'stopped before it had started'));
	if (cancel.aborted) fail();
	cancel.addEventListener('abort', fail, { once: true });
	try {
		return await Promise.race([work, cancelled.promise]);
	} finally {
		cancel.removeEventListener('abort', fail);
	}
}
