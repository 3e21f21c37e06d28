import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { formatTarget } from '../../core/address.ts';
import type { ProbeType } from '../../core/snapshot.ts';
import { failureReason } from '../../core/tls-failure.ts';
import { type Attempt, bad } from './attempt.ts';
import type { ProbeRequest } from './request.ts';
import { open } from './secure.ts';

/** Of an answer. */
const MAX_HEADER_BYTES = 16_384;

/** A GET, and its status. The body is left to whoever ends the connection. @throws ProbeFault */
export async function probeHttp(attempt: Attempt, asked: Extract<ProbeType, { type: 'http' }>): Promise<void> {
	const socket = await open(attempt, ['http/1.1']);
	attempt.missing = () => 'no HTTP answer';
	// We asked it to.
	attempt.lastWord = 'theirs';
	const status = await get(socket, asked.path, hostOf(attempt.request));
	if (!asked.status.includes(status)) throw bad(`expected status ${asked.status.join(' or ')}, got ${status}`);
}

/** The status that answers a GET, once its headers are whole; the socket stays open. */
function get(socket: Socket, path: string, host: string): Promise<number> {
	return new Promise((resolve, reject) => {
		const loan = new Loan(socket);
		const asked = request({
			createConnection: () => loan,
			path,
			headers: { host, 'user-agent': 'sluice', connection: 'close' },
			maxHeaderSize: MAX_HEADER_BYTES,
		});
		const answered = ({ statusCode = 0 }: IncomingMessage): void => {
			loan.destroy();
			resolve(statusCode);
		};
		asked.once('response', answered).once('upgrade', answered);
		asked.on('error', (error) =>
			reject(bad(`no HTTP answer: ${loan.readableEnded ? 'closed' : failureReason(error)}`)),
		);
		asked.end();
	});
}

/** RFC 9110 section 7.2; the default port goes without saying. */
function hostOf({ target, hostName, tls }: ProbeRequest): string {
	const name = tls !== null && 'name' in tls.serverName ? tls.serverName.name : hostName;
	if (target.type === 'unix') return name ?? 'localhost';
	const written = formatTarget(name === null ? target : { ...target, host: name });
	return target.port === (tls === null ? 80 : 443) ? written.slice(0, written.lastIndexOf(':')) : written;
}

/** A socket lent to who would close it: when the loan is destroyed, it stays as it is. */
class Loan extends Duplex {
	readonly #socket: Socket;
	readonly #heard = (bytes: Buffer): void => {
		if (!this.push(bytes)) this.#socket.pause();
	};
	readonly #ended = (): void => void this.push(null);
	readonly #failed = (error: Error): void => void this.destroy(error);

	constructor(socket: Socket) {
		super({ allowHalfOpen: true });
		this.#socket = socket;
		socket.on('data', this.#heard).on('end', this.#ended).on('error', this.#failed);
	}

	override _read(): void {
		this.#socket.resume();
	}

	override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
		this.#socket.write(bytes);
		done();
	}

	override _destroy(error: Error | null, done: (error: Error | null) => void): void {
		this.#socket.pause().off('data', this.#heard).off('end', this.#ended).off('error', this.#failed);
		done(error);
	}
}
