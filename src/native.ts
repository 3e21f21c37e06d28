import { nofileLimit } from './control/descriptors.ts';
import type { Log } from './control/log.ts';
import { EXIT, SluiceError } from './core/errors.ts';
import type { NativeHost } from './core/ports.ts';
import { EpollHost } from './engine/epoll/native-host.ts';
import { openTestedLibc } from './engine/epoll/self-test.ts';

/** Pipes for splicing, over all workers; how large they are: `engine/epoll/pipes.ts`. */
const MOST_PIPES = 128;
/** With few descriptors, pipes get no more than an eighth of them, at two each. */
const PIPES_SHARE = 1 / 16;

/** How many pipes a process with so many descriptors may have. */
export const pipeBudget = (nofile: number): number => Math.min(MOST_PIPES, Math.floor(nofile * PIPES_SHARE));

/**
 * The main thread's side of the engine that the configuration asks for; null is the engine on `node:net`. `auto`
 * takes epoll where it works and says why where it does not.
 * @throws SluiceError exit code 2 when `epoll` is asked for and does not work: it never falls back.
 */
export function openNativeHost(engine: 'auto' | 'epoll' | 'node', workers: number, log: Log): NativeHost | null {
	if (engine === 'node') return null;
	const tested = openTestedLibc();
	if ('libc' in tested) {
		const nofile = nofileLimit();
		return new EpollHost(tested.libc, { workers, nofile, pipes: pipeBudget(nofile) });
	}
	if (engine === 'auto') {
		log.info('engine node, since epoll does not work here', { reason: tested.reason });
		return null;
	}
	throw new SluiceError('no-epoll', `engine: epoll does not work here: ${tested.reason}`, {
		exitCode: EXIT.cannotStart,
	});
}
