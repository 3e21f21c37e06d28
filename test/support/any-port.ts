import { SluiceError } from '../../src/core/errors.ts';

const TRIES = 3;

/**
 * Starts what listens at port 0. The port that the kernel names may have become somebody's own end of a connection before
 * the workers listen at it, where many tests run at once: then it is started again, with another one.
 */
export async function startOnAnyPort<T>(start: () => Promise<T>): Promise<T> {
	for (let tries = 1; ; tries++) {
		try {
			return await start();
		} catch (error) {
			if (tries === TRIES || !(error instanceof SluiceError) || error.code !== 'cannot-bind') throw error;
		}
	}
}
