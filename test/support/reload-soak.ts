import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { App } from '../../src/app.ts';
import type { AccessLine } from '../../src/control/access-line.ts';
import { parseConfigObject } from '../../src/control/config/load.ts';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import { Log } from '../../src/control/log.ts';

export interface ReloadSoakOptions {
	readonly engine: 'epoll' | 'node';
	/** Long sessions, all the time. */
	readonly long: number;
	/** Short ones, a second. */
	readonly perSecond: number;
	readonly reloads: number;
	/** Between two changes. */
	readonly everyMs: number;
}

export interface ReloadSoakResult {
	readonly reloads: number;
	readonly changes: number;
	readonly shortSessions: number;
	readonly longBytes: number;
	/** One line for each thing that went wrong. */
	readonly faults: readonly string[];
	/** Sessions that ended otherwise than they should. */
	readonly outcomes: Readonly<Record<string, number>>;
}

/** What a session sends, by position: no part of it is like another near it. */
const PATTERN_BYTES = 65_521;
const PATTERN = Buffer.from(Uint8Array.from({ length: PATTERN_BYTES }, (_, at) => (at * 197 + (at >> 8) * 13) & 255));
const LONG_CHUNK = 512;
const SHORT_BYTES = 1_024;
const BACKENDS = 4;
/** A backend that comes and goes by the admin API. */
const EXTRA = 'extra';
const PATIENCE_MS = 10_000;

/** So many bytes of the pattern from a position on. */
function slice(from: number, length: number): Buffer {
	const start = from % PATTERN_BYTES;
	const first = PATTERN.subarray(start, Math.min(start + length, PATTERN_BYTES));
	return first.length === length ? first : Buffer.concat([first, PATTERN.subarray(0, length - first.length)]);
}

/** A client that checks each byte that an echoing backend sends back. */
class CheckedClient {
	readonly ended: Promise<void>;
	sent = 0;
	received = 0;
	readonly #socket: Socket;
	readonly #fault: (text: string) => void;
	#finished = false;

	constructor(port: number, fault: (text: string) => void) {
		this.#fault = fault;
		this.#socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
		this.#socket.on('data', (chunk: Buffer) => this.#check(chunk));
		this.#socket.on('error', (error: NodeJS.ErrnoException) => fault(`${error.code} after ${this.received} bytes`));
		this.ended = new Promise((resolve) => {
			this.#socket.on('end', () => {
				if (!this.#finished) fault(`ended after ${this.received} of ${this.sent} bytes`);
			});
			this.#socket.on('close', () => resolve());
		});
	}

	send(bytes: number): void {
		if (this.#socket.destroyed) return;
		this.#socket.write(slice(this.sent, bytes));
		this.sent += bytes;
	}

	/** No more is to come: its FIN, and then the backend's. */
	async finish(): Promise<void> {
		this.#finished = true;
		this.#socket.end();
		const late = setTimeout(() => {
			this.#fault(`no end after ${this.received} of ${this.sent} bytes`);
			this.#socket.destroy();
		}, PATIENCE_MS);
		await this.ended;
		clearTimeout(late);
		if (this.received !== this.sent) this.#fault(`${this.received} of ${this.sent} bytes came back`);
	}

	#check(chunk: Buffer): void {
		if (!chunk.equals(slice(this.received, chunk.length))) this.#fault(`other bytes at ${this.received}`);
		this.received += chunk.length;
	}
}

async function echoServer(): Promise<Server> {
	const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
		socket.on('error', () => {}).pipe(socket);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return server;
}

const addressOf = (server: Server): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;

/**
 * Long sessions and a stream of short ones, while the configuration is reloaded and backends are added, drained and
 * removed: nobody may notice.
 */
export async function reloadSoak(options: ReloadSoakOptions): Promise<ReloadSoakResult> {
	const { engine, long, perSecond, reloads, everyMs } = options;
	const faults: string[] = [];
	const outcomes: Record<string, number> = {};
	const fault = (text: string): void => void faults.push(text);
	const servers = await Promise.all(Array.from({ length: BACKENDS + 1 }, echoServer));
	const configFor = (turn: number): ConfigInput => ({
		engine,
		workers: 2,
		drain: '1h',
		listeners: [
			{
				name: 'in',
				bind: '127.0.0.1:0',
				maxConnections: 5_000 + turn,
				routes: [{ match: { networks: [`10.${turn % 200}.0.0/16`] }, to: ['main'] }, { to: ['main'] }],
			},
			// One that comes and goes.
			...(turn % 2 === 0 ? [] : [{ name: 'other', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }]),
		],
		pools: [
			{
				name: 'main',
				health: { active: 'off', passive: 'off' },
				// Each turn another one is missing.
				backends: servers
					.slice(0, BACKENDS)
					.flatMap((server, at) => (at === turn % BACKENDS ? [] : [{ name: `b${at}`, address: addressOf(server) }])),
			},
		],
	});
	const log = new Log(
		{
			output: null,
			onLog: null,
			onRecord: ({ outcome }: AccessLine) => {
				if (outcome !== 'completed') outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
			},
		},
		'error',
	);
	const app = await App.start(parseConfigObject(configFor(0)), {
		log,
		onFatal: (reason) => fault(reason),
	});
	const port = Number(app.addresses[0]?.address.split(':').at(-1));

	const clients = Array.from({ length: long }, () => new CheckedClient(port, fault));
	const talking = setInterval(() => {
		for (const client of clients) client.send(LONG_CHUNK);
	}, 500);
	let shortSessions = 0;
	const underWay = new Set<Promise<void>>();
	const visit = (): void => {
		shortSessions += 1;
		const client = new CheckedClient(port, (text) => fault(`short: ${text}`));
		client.send(SHORT_BYTES);
		const visited = client.finish().finally(() => underWay.delete(visited));
		underWay.add(visited);
	};
	const visiting = setInterval(() => {
		for (let count = 0; count < perSecond / 50; count++) visit();
	}, 20);

	let changes = 0;
	const extra = servers[BACKENDS];
	for (let turn = 1; turn <= reloads; turn++) {
		await new Promise((resolve) => setTimeout(resolve, everyMs));
		await app.reload(() => parseConfigObject(configFor(turn)));
		changes += await change(app, turn, extra === undefined ? '' : addressOf(extra), fault);
	}

	clearInterval(visiting);
	clearInterval(talking);
	await Promise.all([...underWay, ...clients.map((client) => client.finish())]);
	const longBytes = clients.reduce((sum, { received }) => sum + received, 0);
	await app.stop({ preStopMs: 0, drainMs: 5_000 });
	if (!app.held.zero) fault('the scoreboard still holds something');
	for (const text of app.held.faults) fault(text);
	for (const server of servers) server.close();
	return { reloads, changes, shortSessions, longBytes, faults, outcomes };
}

/** One change at run time beside each reload; answers how many were made. */
async function change(app: App, turn: number, address: string, fault: (text: string) => void): Promise<number> {
	const { operations } = app;
	const by = 'the soak';
	const present = operations.pools()[0]?.backends.map(({ name }) => name) ?? [];
	const drained = present.find((name) => name.startsWith('b')) ?? '';
	try {
		switch (turn % 6) {
			case 1:
				await operations.addBackend('main', { address, name: EXTRA }, by);
				return 1;
			case 2:
				await operations.drain('main', EXTRA, {}, by);
				return 1;
			case 3:
				await operations.removeBackend('main', EXTRA, by);
				return 1;
			case 4:
				await operations.drain('main', drained, {}, by);
				await operations.enable('main', drained, by);
				return 2;
			case 5:
				await operations.setWeight('main', drained, 3, by);
				return 1;
			default:
				await operations.setShaping('pool main', { upload: '1Gbit/s' }, by);
				return 1;
		}
	} catch (error) {
		fault(`change ${turn}: ${error instanceof Error ? error.message : error}`);
		return 0;
	}
}
