import { lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import type { BindSnapshot } from '../../core/snapshot.ts';

export interface ListenerOptions {
	readonly bind: BindSnapshot;
	/** Index into the snapshot's listeners; follows the snapshots while the address stays. */
	readonly listener: number;
	readonly reusePort: boolean;
	readonly backlog: number;
	readonly onClient: (listener: NodeListener, socket: Socket) => void;
}

/** One listening socket. */
export class NodeListener {
	listener: number;
	readonly bind: BindSnapshot;
	/** Resolves to null when the socket listens, else to the system's error name. */
	readonly opened: Promise<string | null>;
	readonly #options: ListenerOptions;
	readonly #server: Server;

	constructor(options: ListenerOptions) {
		this.listener = options.listener;
		this.bind = options.bind;
		this.#options = options;
		this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
		this.#server.on('connection', (socket) => options.onClient(this, socket));
		this.opened = this.#open();
	}

	close(): void {
		this.#server.close();
	}

	async #open(): Promise<string | null> {
		const { target } = this.bind;
		const code = await this.#tryListen();
		if (code !== 'EADDRINUSE' || target.type !== 'unix') return code;
		return (await removedStaleSocket(target.path)) ? this.#tryListen() : code;
	}

	#tryListen(): Promise<string | null> {
		return new Promise((resolve) => {
			const server = this.#server;
			const settle = (error?: NodeJS.ErrnoException): void => {
				server.removeListener('listening', settle);
				server.removeListener('error', settle);
				// From here on an error is a passing one of accept(2); libuv goes on by itself.
				if (error === undefined) server.on('error', () => {});
				resolve(error === undefined ? null : (error.code ?? error.message));
			};
			server.once('listening', settle).once('error', settle);
			server.listen(this.#listenOptions());
		});
	}

	#listenOptions(): ListenOptions {
		const { target, v6Only } = this.bind;
		const { backlog, reusePort } = this.#options;
		if (target.type === 'unix') return { path: target.path, backlog };
		return { host: target.host, port: target.port, ipv6Only: v6Only, reusePort, backlog };
	}
}

/** Whether there was a socket file that nobody listens on any more, as a killed process leaves; it is gone then. */
function removedStaleSocket(path: string): Promise<boolean> {
	return new Promise((resolve) => {
		const probe = connect({ path });
		probe.once('connect', () => {
			probe.destroy();
			resolve(false);
		});
		probe.once('error', (error: NodeJS.ErrnoException) => {
			resolve(error.code === 'ECONNREFUSED' && removedSocketFile(path));
		});
	});
}

function removedSocketFile(path: string): boolean {
	try {
		// connect(2) is refused by a plain file, too, and that is not ours to remove.
		if (!lstatSync(path).isSocket()) return false;
		unlinkSync(path);
		return true;
	} catch {
		return false;
	}
}
