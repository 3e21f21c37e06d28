import type { SessionEvent } from '../../core/session-io.ts';
import { CONNECTED, RESET } from '../session-events.ts';
import type { End } from './end.ts';
import { ERRNO, errnoName } from './errno.ts';
import type { RelayTools } from './flow.ts';
import { MSG_NOSIGNAL } from './layouts.ts';

/** What is read of a backend's answer: it is a letter, or the start of an error that nobody will show. */
const ANSWER_BYTES = 16;

/** Who goes on once a backend has been spoken to. */
export interface OpeningHost {
	/** It is over, with this as the first news. */
	opened(event: SessionEvent): void;
	report(event: SessionEvent): void;
	/** The connect has failed after all. */
	dropBackend(error: number): void;
	refuseBackend(reason: string): void;
}

type SendTools = Pick<RelayTools, 'libc' | 'scratch'>;

/** Sends as much as the socket takes of a few bytes of ours; answers how much, or a negated error number. */
export function sendOwn({ libc, scratch }: SendTools, fd: number, bytes: Uint8Array, from: number): number {
	const part = bytes.subarray(from, from + scratch.bytes.length);
	scratch.bytes.set(part);
	return libc.send(fd, scratch, 0, part.length, MSG_NOSIGNAL);
}

/** What a connected backend is told before the relay: a header that goes first of all, or a question that it answers. */
export class Opening {
	readonly #tools: SendTools;
	readonly #host: OpeningHost;
	readonly #backend: End;
	readonly #bytes: Uint8Array;
	readonly #isQuestion: boolean;
	#sent = 0;

	constructor(tools: SendTools, host: OpeningHost, backend: End, bytes: Uint8Array, isQuestion: boolean) {
		this.#tools = tools;
		this.#host = host;
		this.#backend = backend;
		this.#bytes = bytes;
		this.#isQuestion = isQuestion;
	}

	/** Goes on as far as the socket lets it; again after each of its events. */
	proceed(): void {
		while (this.#sent < this.#bytes.length) {
			const sent = sendOwn(this.#tools, this.#backend.fd, this.#bytes, this.#sent);
			if (sent === -ERRNO.EAGAIN) return;
			if (sent < 0) return this.#isQuestion ? this.#host.refuseBackend(errnoName(sent)) : this.#headerFailed(sent);
			this.#sent += sent;
		}
		if (this.#isQuestion) this.#hear();
		else this.#host.opened(CONNECTED);
	}

	/** Where part of a header went the session has begun, and must not begin again elsewhere. */
	#headerFailed(error: number): void {
		if (this.#sent === 0) return this.#host.dropBackend(error);
		this.#backend.lost = true;
		// The error has been taken from the socket: a read would find a FIN.
		this.#backend.readable = false;
		this.#host.opened(CONNECTED);
		this.#host.report(RESET.backend);
	}

	#hear(): void {
		const { libc, scratch } = this.#tools;
		const backend = this.#backend;
		if (!backend.readable) return;
		const got = libc.recv(backend.fd, scratch, 0, ANSWER_BYTES, 0);
		if (got < ANSWER_BYTES) backend.readable = got > 0 && backend.readOn;
		if (got === -ERRNO.EAGAIN) return;
		if (got > 0) this.#host.opened({ type: 'greeted', bytes: scratch.bytes.slice(0, got) });
		else this.#host.refuseBackend(got === 0 ? 'the backend closed the connection' : errnoName(got));
	}
}
