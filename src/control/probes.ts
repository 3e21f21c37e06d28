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

export interface ProbeRequest {
	readonly target: SocketTarget;
	/** Local address of the connection; null lets the kernel choose. */
	readonly sourceAddress: string | null;
	readonly timeoutMs: number;
}

/** Begins a probe; `done` hears of its result once, never within the call. The answer cancels it: nothing is heard then. */
export type Prober = (request: ProbeRequest, done: (result: ProbeResult) => void) => () => void;

/** Sockets that probes may have open at once; what is more waits for its turn. Part of the descriptors kept in reserve. */
const MAX_OPEN = 100;
/** How long a backend may take to answer our FIN with its own. */
const LINGER_MS = 1_000;

/** Probes by connecting: who accepts is good. All probes of a process go through one of these, which bounds its sockets. */
export class TcpProbes {
	private readonly maxOpen: number;
	private readonly open = new Set<Socket>();
	private readonly waiting = new Set<() => void>();

	constructor(maxOpen = MAX_OPEN) {
		this.maxOpen = maxOpen;
	}

	/** Sockets open now. */
	get sockets(): number {
		return this.open.size;
	}

	readonly probe: Prober = (request, done) => {
		let cancel = (): void => {};
		const begin = (): void => {
			cancel = this.begin(request, done);
		};
		if (this.open.size < this.maxOpen) begin();
		else this.waiting.add(begin);
		return () => {
			this.waiting.delete(begin);
			cancel();
		};
	};

	/** Closes whatever is open. */
	close(): void {
		this.waiting.clear();
		for (const socket of this.open) socket.destroy();
	}

	private begin(request: ProbeRequest, done: (result: ProbeResult) => void): () => void {
		const { target, sourceAddress, timeoutMs } = request;
		let told = false;
		const tell = (result: ProbeResult): void => {
			if (told) return;
			told = true;
			clearTimeout(late);
			done(result);
		};
		const socket = openSocket(target, sourceAddress);
		if (!(socket instanceof Error)) this.keep(socket, tell);
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

	private keep(socket: Socket, tell: (result: ProbeResult) => void): void {
		this.open.add(socket);
		socket.unref();
		socket.once('connect', () => {
			tell({ type: 'good' });
			leave(socket);
		});
		socket.on('error', (error) => tell(failureOf(error)));
		socket.once('close', () => {
			this.open.delete(socket);
			const [next] = this.waiting;
			if (next === undefined) return;
			this.waiting.delete(next);
			next();
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
