import { pass } from './peers.ts';
import { connectRedis, type RedisClient } from './redis-client.ts';

/** One session of a client, as the client saw it. */
export interface Visit {
	readonly kind: 'short' | 'long';
	/** What the test was doing when the client began to connect. */
	readonly phase: string;
	/** The client's port; 0 before it is connected. */
	port: number;
	/** The address of the server that it is on, as the server says; null before it has answered. */
	server: string | null;
	/** Why it ended early; null when all was well. */
	failed: string | null;
	done: boolean;
}

/** Time between two questions of a long session. */
const PAUSE_MS = 3;

/** Clients that come and go (`short`) and clients that stay and come back when they are cut off (`long`). */
export class RedisLoad {
	readonly visits: Visit[] = [];
	phase = 'before';
	private readonly port: number;
	private readonly ending = new AbortController();
	private readonly clients: Promise<void>[];
	private values = 0;

	constructor(port: number, { short, long }: { readonly short: number; readonly long: number }) {
		this.port = port;
		this.clients = [
			...Array.from({ length: short }, () => this.again('short', (client, visit) => this.comeAndGo(client, visit))),
			...Array.from({ length: long }, () => this.again('long', (client, visit) => this.stay(client, visit))),
		];
	}

	/** Visits that ended well and were begun in this phase, or are long and on their way. */
	good(phase: string, server?: string): number {
		const fits = (visit: Visit) => visit.phase === phase && (server === undefined || visit.server === server);
		return this.visits.filter((visit) => fits(visit) && visit.done && visit.failed === null).length;
	}

	/** Ends every session in good order. */
	async stop(): Promise<void> {
		this.ending.abort();
		await Promise.all(this.clients);
	}

	private async again(kind: Visit['kind'], talk: (client: RedisClient, visit: Visit) => Promise<void>): Promise<void> {
		while (!this.ending.signal.aborted) {
			const visit: Visit = { kind, phase: this.phase, port: 0, server: null, failed: null, done: false };
			this.visits.push(visit);
			try {
				const client = await connectRedis(this.port);
				visit.port = client.localPort;
				await talk(client, visit);
				client.close();
			} catch (error) {
				visit.failed = String(error);
			}
			visit.done = true;
		}
	}

	private async comeAndGo(client: RedisClient, visit: Visit): Promise<void> {
		visit.server = await whoAnswers(client);
		await this.keepAndGet(client);
		if ((await client.call('QUIT')) !== 'OK') throw new Error('no goodbye');
	}

	private async stay(client: RedisClient, visit: Visit): Promise<void> {
		visit.server = await whoAnswers(client);
		while (!this.ending.signal.aborted) {
			await this.keepAndGet(client);
			await pass(PAUSE_MS);
		}
	}

	/** The values differ in length, so that what is cut wrong is noticed; the keys are of this visit alone. */
	private async keepAndGet(client: RedisClient): Promise<void> {
		this.values += 1;
		const key = `key:${this.values}`;
		const value = `${this.values}:`.repeat(1 + (this.values % 500));
		const [kept, got] = await Promise.all([client.call('SET', key, value), client.call('GET', key)]);
		if (kept !== 'OK' || got !== value) throw new Error(`wrong answer for ${key}`);
	}
}

/** `CONFIG GET bind` of a server that is bound to one address tells which it is. */
async function whoAnswers(client: RedisClient): Promise<string> {
	const reply = await client.call('CONFIG', 'GET', 'bind');
	if (!Array.isArray(reply) || typeof reply[1] !== 'string') throw new Error('no answer to CONFIG GET');
	return reply[1];
}
