import type { SessionAction, SessionEvent } from '../../src/core/session-io.ts';
import type { ProxyProtocolIn } from '../../src/core/snapshot.ts';
import type { Side } from '../../src/core/units.ts';
import { buildNetworkTable } from '../../src/policy/network-table.ts';
import { writeProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { between, SILENT } from './proxy-bytes.ts';
import { type BenchSession, inWords, type SessionBench } from './session-bench.ts';

/** What an engine tells, in the words of tests. */
export const ACCEPTED: SessionEvent = { type: 'accepted' };
export const EARLY: SessionEvent = { type: 'early-bytes' };
export const CONNECTED: SessionEvent = { type: 'connected' };
export const SECURED: SessionEvent = { type: 'upstream-tls-ready' };
export const CLOSED: SessionEvent = { type: 'closed' };
export const REFUSED: SessionEvent = { type: 'connect-failed', cause: 'refused', code: 'ECONNREFUSED' };
export const SHUTDOWN: SessionEvent = { type: 'kill', outcome: 'shutdown' };
export const eof = (side: Side): SessionEvent => ({ type: 'eof', side });
export const reset = (side: Side): SessionEvent => ({ type: 'reset', side });
export const bytes = (...parts: (Uint8Array | readonly number[])[]): SessionEvent => ({
	type: 'bytes',
	bytes: Uint8Array.from(parts.flatMap((part) => [...part])),
});
/** A backend's answer to the question whether it speaks TLS. */
export const greeted = (...answer: number[]): SessionEvent => ({ type: 'greeted', bytes: Uint8Array.from(answer) });
export const YES = 0x53;
export const NO = 0x4e;

/** Peers of tests come from there, unless they say otherwise. */
export const TRUSTED: ProxyProtocolIn = { from: buildNetworkTable(['192.0.2.0/24']), timeoutMs: 3_000 };

/** A header that speaks for this client, which connected to 203.0.113.5. */
export const headerFor = (client: string, version: 'v1' | 'v2' = 'v2'): Uint8Array =>
	writeProxyHeader(version, { ...SILENT, addresses: between(client, 1234, '203.0.113.5', 443) });

/** What the backend is told first, by the connect among these actions. */
export function prefaceOf(actions: readonly SessionAction[]): Uint8Array | null {
	const connect = actions.find((action) => action.type === 'connect');
	if (connect?.type !== 'connect') throw new Error('no connect');
	return connect.preface;
}

/** A client at the first listener, from a peer that is trusted where anyone is; `accepted`: what is done at once. */
export function arriving(bench: SessionBench, peer?: string) {
	const s = bench.open(peer);
	const client = new ReadClient(s);
	return { s, client, accepted: client.tell(ACCEPTED) };
}

/** A client as an engine reads it: what it sends is held, peeks are answered, what is consumed is gone. */
export class ReadClient {
	readonly #session: BenchSession;
	#held: number[] = [];
	#beyond: number | null = null;
	/** What was written to it. */
	readonly answers: number[] = [];

	constructor(session: BenchSession) {
		this.#session = session;
	}

	tell(event: SessionEvent): string[] {
		return this.#carryOut(this.#session.act(event));
	}

	/** It sends this; all that the session does then, in words. */
	send(...parts: (Uint8Array | readonly number[])[]): string[] {
		const wasEmpty = this.#held.length === 0;
		this.#held.push(...parts.flatMap((part) => [...part]));
		const words = wasEmpty ? this.tell(EARLY) : [];
		return [...words, ...this.#answer()];
	}

	expire(): string[] {
		return this.#carryOut(this.#session.actAtDeadline());
	}

	#answer(): string[] {
		if (this.#beyond === null || this.#held.length <= this.#beyond) return [];
		this.#beyond = null;
		return this.tell({ type: 'bytes', bytes: Uint8Array.from(this.#held) });
	}

	#carryOut(actions: readonly SessionAction[]): string[] {
		for (const action of actions) {
			if (action.type === 'peek') this.#peek(action.beyond, action.atMost);
			else if (action.type === 'consume') this.#consume(action.bytes);
			else if (action.type === 'reply') this.answers.push(...action.bytes);
		}
		return [...actions.map(inWords), ...this.#answer()];
	}

	#peek(beyond: number, atMost: number): void {
		if (this.#beyond !== null) throw new Error('two peeks at once');
		if (atMost <= beyond) throw new Error(`a peek that is never answered: beyond ${beyond} of ${atMost}`);
		this.#beyond = beyond;
	}

	#consume(count: number): void {
		if (count > this.#held.length) throw new Error(`${count} of ${this.#held.length} bytes consumed`);
		this.#held.splice(0, count);
	}
}
