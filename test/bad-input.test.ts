import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { ConfigInput } from '../src/index.ts';
import { type Backend, startBackend, startEcho } from './support/echo.ts';
import { type LiveLook, LiveSluice } from './support/live-scoreboard.ts';
import { dial, digestOf, type Peer, patternOf, until } from './support/peers.ts';
import type { LogLine } from './support/sluice-process.ts';

const CROWD = 200;
const FEW = 24;
/** What objects and buffers of the process may have grown by when all is over: compiled code, log buffers. */
const KEPT_BYTES = 4 * 2 ** 20;
/** What they may take for stuck sessions: a few buffers of 64 KiB each. */
const STUCK_BYTES = 2 * FEW * 256 * 1024;
/** What its resident memory may grow by: the allocator keeps what a flood took for the next one. */
const RESIDENT_BYTES = 160 * 2 ** 20;
/** What a backend may still pour into a session that is over: buffers on the way, and what lingering reads. */
const POURED_BYTES = FEW * 24 * 2 ** 20;
const PATIENCE_MS = 15_000;

const OFF = { active: 'off', passive: 'off' } as const;
const KINDS = ['echo', 'idle', 'hangs', 'junk', 'slow'] as const;
type Kind = (typeof KINDS)[number];

const SHORT = { idle: '700ms', halfClose: '700ms' };
const TIMEOUTS: Partial<Record<Kind, typeof SHORT>> = { idle: SHORT, hangs: SHORT, slow: SHORT };

const config = (addresses: Readonly<Record<Kind, string>>): ConfigInput => ({
	workers: 2,
	listeners: KINDS.map((name) => ({
		name,
		bind: '127.0.0.1:0',
		routes: [{ to: [name] }],
		...(TIMEOUTS[name] === undefined ? {} : { timeouts: TIMEOUTS[name] }),
	})),
	pools: KINDS.map((name) => ({
		name,
		health: OFF,
		backends: [{ address: addresses[name] }],
	})),
});

/** Writes without end, as fast as it is taken; `sent` counts what was given to the kernel or waits for it. */
class Firehose {
	sent = 0;
	private readonly chunk = patternOf(256 * 1024);

	readonly serve = (socket: Backend['sockets'] extends ReadonlySet<infer S> ? S : never): void => {
		const pour = (): void => {
			if (socket.destroyed) return;
			this.sent += this.chunk.length;
			if (socket.write(this.chunk)) setImmediate(pour);
		};
		socket.on('drain', pour);
		pour();
	};
}

/** The process under test with its backends, and what it held before anything bad came. */
class Ordeal {
	readonly sluice: LiveSluice;
	readonly backends: Readonly<Record<Kind, Backend>>;
	readonly firehose: Firehose;
	private descriptors = 0;
	private before: LiveLook | null = null;

	constructor(t: Test, backends: Readonly<Record<Kind, Backend>>, firehose: Firehose) {
		this.backends = backends;
		this.firehose = firehose;
		const addresses = Object.fromEntries(KINDS.map((kind) => [kind, backends[kind].address])) as Record<Kind, string>;
		this.sluice = new LiveSluice(t, config(addresses));
	}

	static async start(t: Test): Promise<Ordeal> {
		const firehose = new Firehose();
		const backends = {
			echo: await startEcho(t),
			idle: await startEcho(t),
			hangs: await startBackend(t, { onClient: (socket) => socket.pause() }),
			junk: await startBackend(t, {
				onClient: (socket) => {
					socket.write(patternOf(10_000));
					socket.once('data', () => socket.resetAndDestroy());
				},
			}),
			slow: await startBackend(t, { onClient: firehose.serve }),
		};
		return new Ordeal(t, backends, firehose);
	}

	async dial(t: Test, kind: Kind, options: { readonly paused?: boolean } = {}): Promise<Peer> {
		return dial(t, `127.0.0.1:${await this.sluice.port(kind)}`, options);
	}

	crowd(t: Test, kind: Kind, size: number, options: { readonly paused?: boolean } = {}): Promise<Peer[]> {
		return Promise.all(Array.from({ length: size }, () => this.dial(t, kind, options)));
	}

	/** What it holds now is what it has to come back to. */
	async settle(): Promise<void> {
		await this.sluice.atRest();
		this.descriptors = this.sluice.descriptors;
		this.before = await this.sluice.look();
	}

	/** Memory is within these bounds, all garbage collected. */
	checkMemory(t: Test, now: LiveLook, usedBytes: number): void {
		if (this.before === null) throw new Error('not settled');
		const used = now.usedBytes - this.before.usedBytes;
		const resident = now.rssBytes - this.before.rssBytes;
		t.ok(used < usedBytes, `in use: ${mebibytes(used)} more than at rest`);
		t.ok(resident < RESIDENT_BYTES, `resident: ${mebibytes(resident)} more`);
	}

	/** Sessions of a listener that have ended, by outcome. */
	outcomes(kind: Kind): Record<string, number> {
		const counts: Record<string, number> = {};
		for (const { listener, outcome } of this.records) {
			if (listener === kind) counts[String(outcome)] = (counts[String(outcome)] ?? 0) + 1;
		}
		return counts;
	}

	get records(): LogLine[] {
		return this.sluice.run.lines.filter(({ msg }) => msg === 'session');
	}

	/** Descriptors, places and memory are back; a good client is served. */
	async checkBack(t: Test): Promise<void> {
		const look = await this.sluice.atRest(this.descriptors);
		t.strictSame(look.faults, [], 'descriptors and places are back where they were');
		this.checkMemory(t, look, KEPT_BYTES);
		// What was only for the start is let go of in the course of time; a leak must not hide in its place.
		if (this.before !== null && look.usedBytes < this.before.usedBytes) this.before = look;
		const client = await this.dial(t, 'echo');
		client.send('still there?');
		await client.heard(12);
		client.fin();
		t.equal(await client.ending(), 'fin', 'and a good client is served');
	}
}

t.test('bad input to a real process, which goes on', async (t) => {
	const ordeal = await Ordeal.start(t);
	await t.test('it has warmed up', async (t) => {
		for (const kind of ['echo', 'junk'] as const) {
			for (const client of await ordeal.crowd(t, kind, CROWD)) {
				client.send(patternOf(50_000));
				client.fin();
				await client.ending();
			}
		}
		await ordeal.settle();
		t.pass();
	});
	for (const [sentence, trial] of Object.entries(TRIALS)) {
		await t.test(sentence, async (t) => {
			await trial(t, ordeal);
			await ordeal.checkBack(t);
		});
	}
	await t.test('nothing of it was an internal error, and it ends in good order', async (t) => {
		const records = await ordeal.sluice.records();
		t.strictSame(
			records.filter(({ outcome }) => outcome === 'internal-error'),
			[],
		);
		const loud = ordeal.sluice.run.lines.filter(({ level }) => level === 'error' || level === 'warn');
		t.strictSame(loud, [], 'nor was there anything to warn of');
	});
});

const TRIALS: Readonly<Record<string, (t: Test, ordeal: Ordeal) => Promise<void>>> = {
	'garbage is payload, whatever it looks like': async (t, ordeal) => {
		const hello = Buffer.from('1603010200010001fc0303', 'hex');
		const garbage = [
			Buffer.from([0]),
			Buffer.alloc(70_000, 0xff),
			Buffer.concat([hello, patternOf(3_000)]),
			Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\nGET / HTTP/1.1\r\n\r\n'),
			Buffer.from('\r\n\r\n\0\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a', 'latin1'),
			patternOf(300_001),
		];
		const clients = await ordeal.crowd(t, 'echo', CROWD);
		const sent = clients.map((_, i) => garbage[i % garbage.length] ?? Buffer.alloc(0));
		for (const [i, client] of clients.entries()) {
			client.send(sent[i] ?? '');
			client.fin();
		}
		const endings = new Set(await Promise.all(clients.map((client) => client.ending())));
		t.strictSame([...endings], ['fin']);
		const wrong = clients.filter((client, i) => client.digest !== digestOf(sent[i] ?? Buffer.alloc(0)));
		t.equal(wrong.length, 0, 'every byte came back');
	},

	'connects that send nothing are let go by the idle timeout': async (t, ordeal) => {
		const flood = await ordeal.crowd(t, 'idle', 2 * CROWD);
		const endings = await Promise.all(flood.map((client) => client.ending()));
		t.ok(endings.every((ending) => ending === 'fin'));
		for (const client of flood) client.fin();
		await until('their records', () => (ordeal.outcomes('idle')['idle-timeout'] ?? 0) === flood.length, PATIENCE_MS);
		t.strictSame(ordeal.outcomes('idle'), { 'idle-timeout': flood.length });
	},

	'clients that reset at any point are forgotten': async (t, ordeal) => {
		const before = ordeal.records.length;
		const data = patternOf(200_000);
		/** At once, after sending, in the middle of what comes back, after a FIN. */
		const ways: readonly ((client: Peer) => Promise<void> | void)[] = [
			() => {},
			(client) => client.send(data),
			async (client) => {
				client.send(data);
				await client.heard(1);
			},
			async (client) => {
				client.send('a');
				client.fin();
				// A reset while the FIN is on its way would lose the descriptor in this process (uv_tcp_close_reset).
				await once(client.socket, 'finish');
			},
		];
		const reset = async (way: (client: Peer) => Promise<void> | void): Promise<void> => {
			const client = await ordeal.dial(t, 'echo');
			await way(client);
			client.reset();
		};
		await Promise.all(Array.from({ length: CROWD }, (_, i) => reset(ways[i % ways.length] ?? (() => {}))));
		await ordeal.sluice.atRest();
		const outcomes = new Set(ordeal.records.slice(before).map(({ outcome }) => outcome));
		outcomes.delete('completed');
		t.strictSame([...outcomes], ['client-reset'], 'or were completed before it came');
	},

	'backends that answer garbage and reset take their own sessions with them': async (t, ordeal) => {
		const before = ordeal.outcomes('junk')['backend-reset'] ?? 0;
		const clients = await ordeal.crowd(t, 'junk', CROWD);
		await Promise.all(clients.map((client) => client.heard(10_000)));
		for (const client of clients) client.send('what?');
		const endings = await Promise.all(clients.map((client) => client.ending()));
		t.ok(endings.every((ending) => ending === 'reset'));
		t.ok(clients.every((client) => client.digest === digestOf(patternOf(10_000))));
		t.equal((ordeal.outcomes('junk')['backend-reset'] ?? 0) - before <= CROWD, true);
	},

	'backends that hang and clients that never read hold little memory, and nobody longer than the time-outs': async (
		t,
		ordeal,
	) => {
		await Promise.all([stuckUploads(t, ordeal), stuckDownloads(t, ordeal)]);
	},
};

/** Backends that accept and then read nothing. */
async function stuckUploads(t: Test, ordeal: Ordeal): Promise<void> {
	const clients = await ordeal.crowd(t, 'hangs', FEW);
	const flood = patternOf(32 * 2 ** 20);
	for (const client of clients) client.send(flood);
	const stuck = (): boolean => clients.every(({ socket }) => socket.writableLength > 0);
	await until('all uploads are stuck', stuck, PATIENCE_MS);
	ordeal.checkMemory(t, await ordeal.sluice.look(), STUCK_BYTES);
	await Promise.all(clients.map((client) => client.ending()));
	for (const client of clients) client.socket.destroy();
	await until('their records', () => (ordeal.outcomes('hangs')['idle-timeout'] ?? 0) === FEW, PATIENCE_MS);
	for (const socket of ordeal.backends.hangs.sockets) socket.destroy();
}

/** Clients that never read, in front of backends that send without end. */
async function stuckDownloads(t: Test, ordeal: Ordeal): Promise<void> {
	const { firehose } = ordeal;
	const clients = await ordeal.crowd(t, 'slow', FEW, { paused: true });
	// Half of them are half-open besides.
	for (const client of clients.filter((_, i) => i % 2 === 0)) client.fin();
	const slow = ordeal.backends.slow;
	await until('all backends are stopped', () => slow.served >= FEW && stopped(slow), PATIENCE_MS);
	ordeal.checkMemory(t, await ordeal.sluice.look(), STUCK_BYTES);
	const before = firehose.sent;
	const ended = (): number => Object.values(ordeal.outcomes('slow')).reduce((sum, count) => sum + count, 0);
	await until('all are let go', () => ended() === FEW, PATIENCE_MS);
	t.strictSame(ordeal.outcomes('slow'), { 'half-close-timeout': FEW / 2, 'idle-timeout': FEW / 2 });
	await until('nothing is poured any more', () => slow.sockets.size === 0, PATIENCE_MS);
	const poured = firehose.sent - before;
	t.ok(poured < POURED_BYTES, `${mebibytes(poured)} were poured after ${mebibytes(before)}`);
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Whether the kernel takes no more from a backend on any connection. */
const stopped = ({ sockets }: Backend): boolean => [...sockets].every((socket) => socket.writableNeedDrain);
