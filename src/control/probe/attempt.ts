import type { Socket } from 'node:net';
import { errorText } from '../../core/errors.ts';
import { leave } from './leave.ts';
import type { ProbeRequest, ProbeResult } from './request.ts';

/** Ends a conversation with a result other than good. */
export class ProbeFault extends Error {
	readonly result: ProbeResult;

	constructor(result: ProbeResult & { readonly reason: string }) {
		super(result.reason);
		this.result = result;
	}
}

export const bad = (reason: string): ProbeFault => new ProbeFault({ type: 'bad', reason });

/** What a probe of one type does. Good when it resolves. @throws ProbeFault */
export type Conversation = (attempt: Attempt) => Promise<void>;

/** One probe under way: what its conversation and its end share. */
export class Attempt {
	readonly request: ProbeRequest;
	/** Told of every socket, as soon as it is there. */
	readonly opened: (socket: Socket) => void;
	/** What has not come yet, as it is told when the time is over: `... within 2000 ms`. */
	missing: () => string = () => 'no answer to connect';
	/** The connection under everything. */
	raw: Socket | null = null;
	/** What the conversation speaks on, where that can be ended cleanly: the connection, or TLS on it. */
	line: Socket | null = null;
	/** Who has the first word of the goodbye. */
	lastWord: 'ours' | 'theirs' = 'ours';

	constructor(request: ProbeRequest, opened: (socket: Socket) => void) {
		this.request = request;
		this.opened = opened;
	}

	/** Ends what is open, cleanly where that is possible. */
	end(): void {
		if (this.line === null) this.raw?.destroy();
		else leave(this.line, this.lastWord);
	}
}

/**
 * Lets a conversation take place, for at most `timeoutMs`. `done` hears of the result once, never within the call, and not
 * after the answer was called, which ends the probe.
 */
export function begin(conversation: Conversation, attempt: Attempt, done: (result: ProbeResult) => void): () => void {
	const { timeoutMs } = attempt.request;
	let over = false;
	const finish = (result: ProbeResult | null): void => {
		if (over) return;
		over = true;
		clearTimeout(late);
		attempt.end();
		if (result !== null) done(result);
	};
	const late = setTimeout(() => {
		finish({ type: 'bad', reason: `${attempt.missing()} within ${timeoutMs} ms` });
	}, timeoutMs);
	late.unref();
	conversation(attempt).then(
		() => finish({ type: 'good' }),
		(fault) => finish(resultOf(fault)),
	);
	return () => finish(null);
}

/** Anything else is a fault of ours: no verdict on the backend. */
const resultOf = (fault: unknown): ProbeResult =>
	fault instanceof ProbeFault ? fault.result : { type: 'none', reason: `internal fault: ${errorText(fault)}` };

/** Resolves when `event` comes; rejects with `faultOf` the error when the socket fails before, or of null when it closes. */
export function arrival(socket: Socket, event: string, faultOf: (error: Error | null) => ProbeFault): Promise<void> {
	return new Promise((resolve, reject) => {
		const settle = (run: () => void) => (): void => {
			socket.off(event, arrived).off('error', failed).off('close', closed);
			run();
		};
		const arrived = settle(resolve);
		const failed = (error: Error): void => settle(() => reject(faultOf(error)))();
		const closed = settle(() => reject(faultOf(null)));
		socket.once(event, arrived).once('error', failed).once('close', closed);
	});
}
