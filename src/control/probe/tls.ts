import type { TLSSocket } from 'node:tls';
import { failureReason } from '../../core/tls-failure.ts';
import { type Attempt, bad } from './attempt.ts';
import { secure } from './secure.ts';

/** How long a backend may take to refuse us after its handshake; who says nothing by then has not. */
const OBJECTION_MS = 1_000;

/** A handshake. @throws ProbeFault */
export async function probeTls(attempt: Attempt): Promise<void> {
	const socket = await secure(attempt);
	if (socket.getProtocol() === 'TLSv1.3') await noObjection(socket);
}

/**
 * In TLS 1.3 our handshake is over before the backend has judged our certificate, or that we have none: its alert comes after
 * (RFC 8446 section 4.4.2.4, and 2 for the order). Its first word or its end tells that there is none.
 */
function noObjection(socket: TLSSocket): Promise<void> {
	return new Promise((resolve, reject) => {
		const settle = (run: () => void) => (): void => {
			clearTimeout(late);
			socket.off('session', heard).off('data', heard).off('end', heard).off('close', heard).off('error', failed);
			run();
		};
		const heard = settle(resolve);
		const failed = (error: NodeJS.ErrnoException): void => {
			const alert = error.code?.startsWith('ERR_SSL_') === true;
			settle(() => (alert ? reject(bad(`TLS handshake refused: ${failureReason(error)}`)) : resolve()))();
		};
		const late = setTimeout(heard, OBJECTION_MS).unref();
		socket.on('session', heard).on('data', heard).on('end', heard).on('close', heard).on('error', failed);
		socket.end();
	});
}
