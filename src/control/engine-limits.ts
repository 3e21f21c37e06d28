import { SluiceError } from '../core/errors.ts';
import type { NativeHost } from '../core/ports.ts';
import type { Config } from './config/schema.ts';
import { capFault, nofileLimit } from './descriptors.ts';
import type { Log } from './log.ts';

/** Tells of a configured cap that the descriptors of this process do not allow. */
export function warnOfCap(log: Log, { limits }: Config, native: NativeHost | null): void {
	const reason = capFault(limits.maxConnections, nofileLimit(), native?.pipes ?? 0);
	if (reason !== null) log.warn('too few open files', { reason });
}

/** @throws SluiceError where clients shall wait in the kernel's queue: Node's runtime accepts by itself. */
export function refuseWaiting({ limits, listeners }: Config): void {
	const waiting = listeners.filter(({ overflow }) => overflow === 'wait').map(({ name }) => `listener ${name}`);
	if (limits.overflow === 'wait') waiting.unshift('limits');
	if (waiting.length === 0) return;
	const text = `${waiting.join(', ')}: overflow: wait needs the epoll engine, and the engine that runs here is node`;
	throw new SluiceError('needs-epoll', text);
}
