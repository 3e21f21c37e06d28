import { ERRNO } from '../../src/engine/epoll/errno.ts';
import { AF_INET, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../../src/engine/epoll/layouts.ts';
import { Libc } from '../../src/engine/epoll/libc.ts';
import { openListeningSocket } from '../../src/engine/epoll/listening-sockets.ts';
import { SocketAddress } from '../../src/engine/epoll/sockaddr.ts';

const STREAM = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
const PING = 64;
/** How long a pass without progress waits for the others. */
const PAUSE_MS = 1;
/** Passes without progress after which a burst is stuck. */
const MOST_PAUSES = 20_000;

/** One client, and how far it is. */
interface Client {
	readonly fd: number;
	sent: boolean;
	answered: boolean;
}

/**
 * Clients and a server on raw sockets in this thread, many times cheaper than those of `node:net`: sessions of
 * one question and one answer, in bursts of a bounded size. Unless clients are told to, the server says goodbye first,
 * so that no port of a connecting side rests in TIME_WAIT.
 */
export class RawLoad {
	readonly #libc = new Libc();
	readonly #address = new SocketAddress(this.#libc);
	readonly #buffer = this.#libc.allocate(4_096);
	readonly #server: number;
	readonly #serving: number[] = [];
	readonly #rest = new Int32Array(new SharedArrayBuffer(4));
	readonly #clientsFirst: boolean;

	constructor({ clientsFirst = false } = {}) {
		this.#clientsFirst = clientsFirst;
		const target = { type: 'tcp', host: '127.0.0.1', port: 0 } as const;
		this.#server = openListeningSocket(this.#libc, { target, v6Only: false }, false, 4_096);
		if (this.#server < 0) throw new Error(`cannot listen: ${this.#server}`);
	}

	/** Where the server listens. */
	get address(): string {
		this.#libc.getsockname(this.#server, this.#address.buffer);
		return `127.0.0.1:${this.#address.take().port}`;
	}

	/** So many sessions through the balancer at this port; throws when one fails. Other work of this thread has its turn between bursts. */
	async run(port: number, sessions: number, atOnce: number): Promise<void> {
		for (let left = sessions; left > 0; left -= atOnce) {
			this.#burst(port, Math.min(left, atOnce));
			await new Promise((resolve) => setImmediate(resolve));
		}
	}

	close(): void {
		for (const fd of [this.#server, ...this.#serving.splice(0)]) this.#libc.close(fd);
	}

	#burst(port: number, size: number): void {
		let clients = Array.from({ length: size }, () => this.#dial(port));
		for (let pauses = 0; clients.length > 0 || this.#serving.length > 0; ) {
			const served = this.#serve();
			const before = clients.length;
			clients = clients.filter((client) => !this.#finished(client));
			if (served || clients.length < before) continue;
			if (++pauses > MOST_PAUSES)
				throw new Error(`${clients.length} of ${size} clients and ${this.#serving.length} of the server's are stuck`);
			Atomics.wait(this.#rest, 0, 0, PAUSE_MS);
		}
	}

	#dial(port: number): Client {
		const fd = this.#libc.socket(AF_INET, STREAM);
		if (fd < 0) throw new Error(`socket: ${fd}`);
		this.#address.put({ type: 'tcp', host: '127.0.0.1', port });
		const result = this.#libc.connect(fd, this.#address.buffer, this.#address.length);
		if (result < 0 && result !== -ERRNO.EINPROGRESS) throw new Error(`connect: ${result}`);
		return { fd, sent: false, answered: false };
	}

	/** Accepts, answers and closes what can be; answers whether there was anything. */
	#serve(): boolean {
		let busy = false;
		for (let fd = this.#accept(); fd >= 0; fd = this.#accept()) {
			this.#serving.push(fd);
			busy = true;
		}
		for (let i = this.#serving.length - 1; i >= 0; i--) {
			const fd = this.#serving[i] ?? -1;
			const got = this.#libc.recv(fd, this.#buffer, 0, PING, 0);
			if (got === -ERRNO.EAGAIN) continue;
			busy = true;
			if (got > 0) this.#libc.send(fd, this.#buffer, 0, got, MSG_NOSIGNAL);
			if (got > 0 && this.#clientsFirst) continue;
			this.#libc.close(fd);
			this.#serving.splice(i, 1);
		}
		return busy;
	}

	#accept(): number {
		return this.#libc.accept(this.#server, this.#address.buffer, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}

	/** Goes on as far as it can; true once it has had its answer and its end. */
	#finished(client: Client): boolean {
		const { fd } = client;
		if (!client.sent) {
			const sent = this.#libc.send(fd, this.#buffer, 0, PING, MSG_NOSIGNAL);
			if (sent === -ERRNO.EAGAIN) return false;
			if (sent !== PING) throw new Error(`send: ${sent}`);
			client.sent = true;
		}
		const got = this.#libc.recv(fd, this.#buffer, 0, PING, 0);
		if (got === -ERRNO.EAGAIN) return false;
		if (got < 0 || (got === 0 && !client.answered)) throw new Error(`recv: ${got}`);
		client.answered = true;
		if (got > 0 && !this.#clientsFirst) return false;
		this.#libc.close(fd);
		return true;
	}
}
