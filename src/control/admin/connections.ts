import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { clientKey } from './client-key.ts';

export interface ConnectionCaps {
	/** Of the whole server. */
	readonly all: number;
	/** Of one client, see `clientKey`. */
	readonly perClient: number;
}

export const CONNECTION_CAPS: ConnectionCaps = { all: 256, perClient: 64 };

interface Entry {
	/** The connection itself, below TLS. */
	readonly socket: Socket;
	readonly client: string;
	/** Requests that have come whole and wait for their answer. */
	asked: number;
}

/**
 * The open connections of the admin server. Above a cap the new one stays and an old one goes: of those that the client
 * with too many (or the most) has, the oldest that waits for no answer, else the oldest. So whoever holds connections
 * without asking anything keeps nobody out, not even from its own address.
 */
export class Connections {
	readonly #caps: ConnectionCaps;
	/** Of each client, the oldest first. */
	readonly #clients = new Map<string, Set<Entry>>();
	/** By the socket that requests come from, which is the TLS one where there is TLS. */
	readonly #entries = new WeakMap<object, Entry>();
	#open = 0;

	constructor(caps: ConnectionCaps = CONNECTION_CAPS) {
		this.#caps = caps;
	}

	follow(server: Server): void {
		server.on('connection', (socket: Socket) => this.#add(socket));
		server.on('secureConnection', (socket: Socket) => this.#secured(socket));
	}

	/** A request has come whole; `answered` follows, or the connection ends. */
	asked(socket: Socket): void {
		this.#count(socket, 1);
	}

	answered(socket: Socket): void {
		this.#count(socket, -1);
	}

	#count(socket: Socket, by: number): void {
		const entry = this.#entries.get(socket);
		if (entry !== undefined) entry.asked += by;
	}

	#add(socket: Socket): void {
		const client = clientKey(socket.remoteAddress);
		const entry: Entry = { socket, client, asked: 0 };
		const own = this.#clients.get(client) ?? new Set();
		this.#clients.set(client, own.add(entry));
		this.#entries.set(socket, entry);
		this.#open += 1;
		socket.once('close', () => this.#remove(entry));
		if (own.size > this.#caps.perClient) this.#close(oldest(own, entry));
		else if (this.#open > this.#caps.all) this.#close(oldest(this.#largest(), entry));
	}

	/** Requests come from another socket than the one that was accepted: the same peer tells which belong together. */
	#secured(secure: Socket): void {
		const own = this.#clients.get(clientKey(secure.remoteAddress)) ?? [];
		for (const entry of own) if (entry.socket.remotePort === secure.remotePort) this.#entries.set(secure, entry);
	}

	#close(entry: Entry | undefined): void {
		if (entry === undefined) return;
		this.#remove(entry);
		entry.socket.destroy();
	}

	#remove(entry: Entry): void {
		const own = this.#clients.get(entry.client);
		if (own?.delete(entry) !== true) return;
		this.#open -= 1;
		if (own.size === 0) this.#clients.delete(entry.client);
	}

	#largest(): ReadonlySet<Entry> {
		let most: ReadonlySet<Entry> = new Set();
		for (const own of this.#clients.values()) if (own.size > most.size) most = own;
		return most;
	}
}

/** Of all but the new one. */
function oldest(entries: ReadonlySet<Entry>, but: Entry): Entry | undefined {
	const others = [...entries].filter((entry) => entry !== but);
	return others.find(({ asked }) => asked === 0) ?? others[0];
}
