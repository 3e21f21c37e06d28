import { connect, type Socket } from 'node:net';
import type { SocketTarget } from '../core/address.ts';
import { connectFailureOf } from '../core/connect-failure.ts';

/** What one probe found out. */
export type ProbeResult =
	| { readonly type: 'good' }
	/** Such as `connect refused (ECONNREFUSED)`. */
	| { readonly type: 'bad'; readonly reason: string }
	/** We could not even try (no descriptor, no local port): it says nothing of the backend. */
	| { readonly type: 'none'; readonly reason: string };

/**
 * What is known of the backend: its last probe was good, it was never probed, its last probe was not good. Those that
 * do not answer hold their socket for the whole timeout, so many of them must not keep the others waiting.
 */
export type Lane = 'good' | 'new' | 'suspect';

export interface ProbeRequest {
	readonly lane: Lane;
	readonly target: SocketTarget;
	/** Local address of the connection; null lets the kernel choose. */
	readonly sourceAddress: string | null;
	readonly timeoutMs: number;
}

/** Begins a probe; `done` hears of its result once, never within the call. The answer cancels it: nothing is heard then. */
export type Prober = (request: ProbeRequest, done: (result: ProbeResult) => void) => () => void;

/** Sockets that probes may have open at once; what is more waits for its turn. Part of the descriptors kept in reserve. */
const MAX_OPEN = 100;
/** Lanes by precedence, each with the part of the sockets that it and those behind it may have together. */
const LANES: readonly (readonly [lane: Lane, share: number])[] = [
	['good', 1],
	['new', 0.75],
	['suspect', 0.5],
];

/** How long a backend may take to answer our FIN with its own. */
const LINGER_MS = 1_000;

/** Probes by connecting: who accepts is good. All probes of a process go through one of these, which bounds its sockets. */
export class TcpProbes {
	private readonly maxOpen: number;
	private readonly open = new Map<Socket, Lane>();
	private readonly waiting = new Map<Lane, Set<() => void>>(LANES.map(([lane]) => [lane, new Set()]));

	constructor(maxOpen = MAX_OPEN) {
		this.maxOpen = maxOpen;
	}

	/** Sockets open now. */
	get sockets(): number {
		return this.open.size;
	}

	readonly probe: Prober = (request, done) => {
		const waiting = this.waiting.get(request.lane);
		let cancel = (): void => {};
		const begin = (): void => {
			cancel = this.begin(request, done);
		};
		if (this.hasRoom(request.lane)) begin();
		else waiting?.add(begin);
		return () => {
			waiting?.delete(begin);
			cancel();
		};
	};

	/** Closes whatever is open. */
	close(): void {
		for (const waiting of this.waiting.values()) waiting.clear();
		for (const socket of this.open.keys()) socket.destroy();
	}

	private hasRoom(lane: Lane): boolean {
		let used = 0;
		for (const [candidate, share] of LANES.toReversed()) {
			for (const taken of this.open.values()) if (taken === candidate) used += 1;
			if (candidate === lane) return used < Math.ceil(this.maxOpen * share) && this.open.size < this.maxOpen;
		}
		return false;
	}

	/** Those that waited longest in the first lane that has both somebody and room. */
	private beginNext(): void {
		for (const [lane] of LANES) {
			const waiting = this.waiting.get(lane) ?? [];
			for (const begin of waiting) {
				if (!this.hasRoom(lane)) break;
				this.waiting.get(lane)?.delete(begin);
				begin();
			}
		}
	}

	private begin(request: ProbeRequest, done: (result: ProbeResult) => void): () => void {
		const { target, sourceAddress, timeoutMs, lane } = request;
		let told = false;
		const tell = (result: ProbeResult): void => {
			if (told) return;
			told = true;
			clearTimeout(late);
			done(result);
		};
		const socket = openSocket(target, sourceAddress);
		if (!(socket instanceof Error)) this.keep(socket, lane, tell);
		else setImmediate(() => tell(failureOf(socket)));
		const late = setTimeout(() => {
			tell({ type: 'bad', reason: `no answer to connect within ${timeoutMs} ms` });
			if (!(socket instanceof Error)) socket.destroy();
		}, timeoutMs);
		late.unref();
		return () => {
			told = true;
			clearTimeout(late);
			if (!(socket instanceof Error)) socket.destroy();
		};
	}

	private keep(socket: Socket, lane: Lane, tell: (result: ProbeResult) => void): void {
		this.open.set(socket, lane);
		socket.unref();
		socket.once('connect', () => {
			tell({ type: 'good' });
			leave(socket);
		});
		socket.on('error', (error) => tell(failureOf(error)));
		socket.once('close', () => {
			this.open.delete(socket);
			this.beginNext();
		});
	}
}

function openSocket(target: SocketTarget, sourceAddress: string | null): Socket | Error {
	try {
		if (target.type === 'unix') return connect({ path: target.path });
		const local = sourceAddress === null ? {} : { localAddress: sourceAddress };
		return connect({ host: target.host, port: target.port, ...local, autoSelectFamily: false });
	} catch (error) {
		return error instanceof Error ? error : new Error(String(error));
	}
}

/**
 * Ends as a client that has changed its mind: FIN, then what the backend says is read until its own FIN. Closing with
 * its bytes unread, or before it says them, would answer with a RST, which servers log.
 */
function leave(socket: Socket): void {
	socket.end();
	socket.resume();
	const late = setTimeout(() => socket.destroy(), LINGER_MS);
	late.unref();
	socket.once('close', () => clearTimeout(late));
}

const WORDS = { refused: 'connect refused', timeout: 'connect timed out', unreachable: 'not reachable' } as const;

function failureOf(error: NodeJS.ErrnoException): ProbeResult {
	const code = error.code ?? error.message;
	const failure = connectFailureOf(code);
	return failure === 'own-shortage'
		? { type: 'none', reason: code }
		: { type: 'bad', reason: `${WORDS[failure]} (${code})` };
}
