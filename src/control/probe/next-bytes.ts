import type { Socket } from 'node:net';
import type { ProbeFault } from './attempt.ts';

/** What comes next on a socket, which is paused again then. Rejects with `faultOf` its error, or of null when it ends first. */
export function nextBytes(socket: Socket, faultOf: (error: Error | null) => ProbeFault): Promise<Buffer> {
	return new Promise((resolve, reject) => {
		const settle = (run: () => void): void => {
			socket.pause().off('data', heard).off('end', ended).off('close', ended).off('error', failed);
			run();
		};
		const heard = (bytes: Buffer): void => settle(() => resolve(bytes));
		const failed = (error: Error | null): void => settle(() => reject(faultOf(error)));
		const ended = (): void => failed(socket.errored);
		if (socket.readableEnded || socket.destroyed) return ended();
		socket.on('data', heard).on('end', ended).on('close', ended).on('error', failed).resume();
	});
}
