import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often a session hears something. */
const TICK_MS = 100;
const LEAST_BYTES = 1_000;
const MOST_BYTES = 16_000;
/** Share of the sessions that want as much as they can get. */
const GREEDY = 0.2;
const GREEDY_BYTES = 80_000;

/** Where the clients seem to come from: a PROXY header in front of each session says so. */
export interface Crowd {
	/** The first three numbers of their addresses. */
	readonly network: string;
	readonly clients: number;
	readonly perSecond: number;
}

/** Servers that talk, and clients that come and go: something to look at. */
export class Traffic {
	readonly #servers: Server[] = [];
	#over = false;

	/** A server that sends to every client until it leaves. */
	async serve(host: string): Promise<string> {
		const server = createServer((socket) => {
			const most = Math.random() < GREEDY ? GREEDY_BYTES : MOST_BYTES;
			const talk = setInterval(() => {
				if (socket.writableLength > 0) return;
				const wave = 0.6 + 0.4 * Math.sin(performance.now() / 6_000);
				socket.write(Buffer.alloc(Math.round(LEAST_BYTES + Math.random() * most * wave)));
			}, TICK_MS);
			socket.on('close', () => clearInterval(talk));
			socket.on('error', () => socket.destroy());
			socket.on('end', () => socket.end());
			socket.resume();
		});
		server.listen(0, host);
		await once(server, 'listening');
		this.#servers.push(server);
		return `${host}:${(server.address() as AddressInfo).port}`;
	}

	/** Clients of this crowd come to `port` until the end; each of them stays up to half a minute. */
	async come(port: number, { network, clients, perSecond }: Crowd): Promise<void> {
		while (!this.#over) {
			this.#client(port, `${network}.${1 + Math.floor(Math.random() ** 2 * clients)}`);
			await sleep((2_000 * Math.random()) / perSecond);
		}
	}

	end(): void {
		this.#over = true;
		for (const server of this.#servers) server.close();
	}

	#client(port: number, address: string): void {
		const socket = connect(port, '127.0.0.1');
		socket.write(`PROXY TCP4 ${address} 127.0.0.1 40000 7000\r\n`);
		const talk = setInterval(() => socket.write(Buffer.alloc(Math.round(MOST_BYTES * Math.random() * 0.2))), TICK_MS);
		const leave = setTimeout(() => socket.end(), 1_000 + Math.random() ** 2 * 30_000);
		socket.resume();
		socket.on('error', () => socket.destroy());
		socket.on('close', () => {
			clearInterval(talk);
			clearTimeout(leave);
		});
	}
}
