import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** What tests put after themselves. */
export interface Teardown {
	teardown(end: () => unknown): void;
}

/** A server of a test, with what it has seen. */
export interface Backend {
	/** As a configuration names it. */
	readonly address: string;
	/** Open now, oldest first. */
	readonly sockets: ReadonlySet<Socket>;
	/** Most sockets open at once. */
	readonly peak: number;
	/** Sockets accepted in all. */
	readonly served: number;
	/** The first socket, or the `nth` from 0; waits until it has come. */
	accepted(nth?: number): Promise<Socket>;
	close(): void;
}

export interface BackendOptions {
	/** Absent: 127.0.0.1 and any port. */
	readonly host?: string;
	readonly path?: string;
	readonly onClient?: (socket: Socket) => void;
}

/** A server that does with each client what it is told; by default nothing. Half-open, so that a test decides when it ends. */
export async function startBackend(t: Teardown, options: BackendOptions = {}): Promise<Backend> {
	const backend = new TestBackend(options);
	startedBy.set(t, [...(startedBy.get(t) ?? []), backend]);
	t.teardown(() => backend.close());
	await backend.ready();
	return backend;
}

const startedBy = new WeakMap<Teardown, readonly Backend[]>();

/** Closes what a test has started so far, so that a balancer's stop need not wait for servers that never answer a FIN. */
export function closeBackends(t: Teardown): void {
	for (const backend of startedBy.get(t) ?? []) backend.close();
}

/** Sends everything back, and its FIN after the client's. */
export const echo = (socket: Socket): void => {
	socket.pipe(socket);
};

/** Says its name, as server-first protocols do, then echoes. */
export const greet =
	(name: string) =>
	(socket: Socket): void => {
		socket.write(`${name}\n`);
		socket.pipe(socket);
	};

export const startEcho = (t: Teardown): Promise<Backend> => startBackend(t, { onClient: echo });

class TestBackend implements Backend {
	readonly sockets = new Set<Socket>();
	peak = 0;
	served = 0;
	readonly #server: Server;
	readonly #listening: Promise<unknown>;
	readonly #options: BackendOptions;
	readonly #accepted: Socket[] = [];

	constructor(options: BackendOptions) {
		this.#options = options;
		this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#serve(socket));
		const { host = '127.0.0.1', path } = options;
		this.#server.listen(path === undefined ? { host, port: 0 } : { path });
		this.#listening = once(this.#server, 'listening');
	}

	async ready(): Promise<void> {
		await this.#listening;
	}

	get address(): string {
		const { path } = this.#options;
		if (path !== undefined) return `unix:${path}`;
		const { address, family, port } = this.#server.address() as AddressInfo;
		return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
	}

	async accepted(nth = 0): Promise<Socket> {
		for (;;) {
			const socket = this.#accepted[nth];
			if (socket !== undefined) return socket;
			await once(this.#server, 'connection');
		}
	}

	close(): void {
		if (this.#server.listening) this.#server.close();
		for (const socket of this.sockets) socket.destroy();
	}

	#serve(socket: Socket): void {
		this.sockets.add(socket);
		this.#accepted.push(socket);
		this.served += 1;
		this.peak = Math.max(this.peak, this.sockets.size);
		socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
		this.#options.onClient?.(socket);
	}
}
