/**
 * Does a bucket give its rate from the first byte on, fairly, and all of it to those who want it? A real
 * `sluice run` between a sending and a receiving process. Prints a table; exits with 1 when a goal is missed.
 * Run: npm run bench:shaping
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { jainsIndex } from '../test/support/flows.ts';
import { type Flow, type FromPeer, SLICE_MS, type ToPeer } from './shaping-peers.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

const SECONDS = 5;
/** How far a rate may be off. */
const RATE_GOAL = 0.02;
const JAIN_GOAL = 0.98;
/** Connects until the sessions are on the workers they are to be on. */
const MOST_TRIES = 200;

interface Rate {
	readonly rate: string;
	readonly burst: string;
	readonly bytesPerSecond: number;
	readonly burstBytes: number;
}

const RATES: readonly Rate[] = [
	{ rate: '64kbit/s', burst: '4KiB', bytesPerSecond: 8_000, burstBytes: 4_096 },
	{ rate: '10Mbit/s', burst: '64KiB', bytesPerSecond: 1_250_000, burstBytes: 65_536 },
	{ rate: '1Gbit/s', burst: '4MiB', bytesPerSecond: 125_000_000, burstBytes: 4_194_304 },
];
const SHARED: Rate = { rate: '40Mbit/s', burst: '256KiB', bytesPerSecond: 5_000_000, burstBytes: 262_144 };

const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A forked end of the bench. */
class Peer {
	private readonly child: ChildProcess;

	constructor(role: 'sender' | 'receiver') {
		this.child = fork(here('shaping-peers.ts'), [role]);
	}

	tell(message: ToPeer): void {
		this.child.send(message);
	}

	async answer<T extends FromPeer['type']>(type: T): Promise<Extract<FromPeer, { type: T }>> {
		for (;;) {
			const [message] = (await once(this.child, 'message')) as [FromPeer];
			if (message.type === type) return message as Extract<FromPeer, { type: T }>;
		}
	}

	end(): void {
		this.child.kill();
	}
}

/** A `sluice run` process that tells which worker has taken which client. */
class Balancer {
	private readonly child: ChildProcess;
	private readonly folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
	private readonly lines: Record<string, unknown>[] = [];
	private wake: () => void = () => {};

	constructor(config: ConfigInput) {
		const file = join(this.folder, 'sluice.yaml');
		writeFileSync(file, JSON.stringify(config));
		const args = ['--import', here('accept-hook.ts'), here('../bin/sluice.ts'), 'run', '-c', file];
		this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
		let text = '';
		this.child.stdout?.on('data', (chunk) => {
			const parts = (text + chunk).split('\n');
			text = parts.pop() ?? '';
			for (const line of parts) this.lines.push(JSON.parse(line));
			this.wake();
		});
	}

	async line(where: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
		for (;;) {
			const found = this.lines.find(where);
			if (found !== undefined) return found;
			if (this.child.exitCode !== null) throw new Error(`sluice ended with ${this.child.exitCode}`);
			await new Promise<void>((resolve) => {
				this.wake = resolve;
			});
		}
	}

	async port(): Promise<number> {
		const { address } = await this.line(({ msg }) => msg === 'listening');
		return Number(String(address).split(':').at(-1));
	}

	async workerOf(clientPort: number): Promise<number> {
		const { worker } = await this.line(({ msg, port }) => msg === 'accepted' && port === clientPort);
		return Number(worker);
	}

	end(): void {
		this.child.kill('SIGKILL');
		rmSync(this.folder, { recursive: true, force: true });
	}
}

/** Sender, balancer and receiver around one bucket, and sessions on the workers they are wanted on. */
class Bench {
	private readonly sender = new Peer('sender');
	private readonly receiver = new Peer('receiver');
	private balancer: Balancer | null = null;
	private opened = 0;

	static async run<T>(rate: Rate, workers: number, measure: (bench: Bench) => Promise<T>): Promise<T> {
		const bench = new Bench();
		try {
			const { port } = await bench.sender.answer('listening');
			bench.balancer = new Balancer(configOf(rate, workers, port));
			return await measure(bench);
		} finally {
			bench.sender.end();
			bench.receiver.end();
			bench.balancer?.end();
		}
	}

	/** Sessions by worker: `[1, 7]` is one on worker 0 and seven on worker 1. Connects that fall elsewhere are closed. */
	async sessions(wanted: readonly number[]): Promise<number[]> {
		const ids: number[] = [];
		const missing = [...wanted];
		for (let tries = 0; missing.some((count) => count > 0); tries++) {
			if (tries === MOST_TRIES) throw new Error('the kernel never gave the sessions to the workers wanted');
			const { id, worker } = await this.open();
			const left = missing[worker] ?? 0;
			if (left === 0) this.receiver.tell({ type: 'close', id });
			else ids.push(id);
			if (left > 0) missing[worker] = left - 1;
		}
		return ids;
	}

	ask(id: number, bytes = 0): void {
		this.receiver.tell({ type: 'ask', id, bytes });
	}

	close(id: number): void {
		this.receiver.tell({ type: 'close', id });
	}

	async flows(ids: readonly number[]): Promise<Flow[]> {
		this.receiver.tell({ type: 'count' });
		const { flows } = await this.receiver.answer('counted');
		return ids.map((id) => flows[id] ?? { firstMs: 0, bySlice: [] });
	}

	private async open(): Promise<{ id: number; worker: number }> {
		const { balancer } = this;
		if (balancer === null) throw new Error('no balancer');
		const id = this.opened++;
		this.receiver.tell({ type: 'open', id, port: await balancer.port() });
		const { port } = await this.receiver.answer('opened');
		return { id, worker: await balancer.workerOf(port) };
	}
}

const configOf = ({ rate, burst }: Rate, workers: number, backend: number): ConfigInput => ({
	// The hook that tells which worker took a client rests on `node:net`; buckets and order are the same on both engines.
	engine: 'node',
	workers,
	log: { access: 'none' },
	listeners: [
		{
			name: 'in',
			bind: '127.0.0.1:0',
			shaping: { download: { listener: { rate, burst } } },
			routes: [{ to: ['out'] }],
		},
	],
	pools: [{ name: 'out', backends: [{ address: `127.0.0.1:${backend}` }] }],
});

/** Bytes that a flow had received `seconds` after an instant of the receiver's clock. */
function bytesAt({ firstMs, bySlice }: Flow, originMs: number, seconds: number): number {
	const slices = Math.floor((originMs + seconds * 1_000 - firstMs) / SLICE_MS);
	return slices <= 0 ? 0 : (bySlice[Math.min(slices, bySlice.length) - 1] ?? 0);
}

const startOf = (flows: readonly Flow[]): number => Math.min(...flows.map(({ firstMs }) => firstMs));

const between = (flows: readonly Flow[], originMs: number, from: number, to: number): number[] =>
	flows.map((flow) => bytesAt(flow, originMs, to) - bytesAt(flow, originMs, from));

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

interface Row {
	readonly what: string;
	readonly value: number;
	readonly goal: string;
	readonly met: boolean;
}

const rateRow = (what: string, share: number): Row => ({
	what,
	value: share,
	goal: `1 +- ${RATE_GOAL}`,
	met: Math.abs(share - 1) <= RATE_GOAL,
});

/** From the first byte: what came in five seconds, less the burst, as a share of the rate. */
async function rateKept(rate: Rate, workers: number): Promise<Row> {
	const share = await Bench.run(rate, workers, async (bench) => {
		const ids = await bench.sessions(Array.from({ length: workers }, () => 1));
		for (const id of ids) bench.ask(id);
		await pass(SECONDS * 1_000 + 500);
		const flows = await bench.flows(ids);
		const bytes = sum(between(flows, startOf(flows), 0, SECONDS));
		return (bytes - rate.burstBytes) / (rate.bytesPerSecond * SECONDS);
	});
	return rateRow(`${rate.rate}, burst ${rate.burst}, ${workers} worker(s), ${workers} session(s)`, share);
}

/** Eight sessions of one bucket, one of them alone on its worker; then seven leave. */
async function shared(): Promise<Row[]> {
	return Bench.run(SHARED, 2, async (bench) => {
		const ids = await bench.sessions([1, 7]);
		for (const id of ids) bench.ask(id);
		await pass(SECONDS * 1_000 + 500);
		const flows = await bench.flows(ids);
		const steady = between(flows, startOf(flows), 1, SECONDS);
		const index = jainsIndex(steady);
		for (const id of ids.slice(1)) bench.close(id);
		await pass(3_500);
		const [last] = await bench.flows(ids.slice(0, 1));
		const origin = startOf(flows);
		const alone = last === undefined ? 0 : sum(between([last], origin, SECONDS + 1, SECONDS + 3.5));
		return [
			{
				what: "8 sessions, 1 and 7 on two workers: Jain's index",
				value: index,
				goal: `>= ${JAIN_GOAL}`,
				met: index >= JAIN_GOAL,
			},
			rateRow('the same 8, their sum', sum(steady) / (SHARED.bytesPerSecond * (SECONDS - 1))),
			rateRow('7 of them left: the one that stays', alone / (SHARED.bytesPerSecond * 2.5)),
		];
	});
}

/** Two of four fall silent but stay: the others have all of the bucket. */
async function silent(): Promise<Row> {
	const share = await Bench.run(SHARED, 2, async (bench) => {
		const ids = await bench.sessions([2, 2]);
		for (const [i, id] of ids.entries()) bench.ask(id, i < 2 ? 1_000_000 : 0);
		await pass(SECONDS * 1_000 + 500);
		const flows = await bench.flows(ids);
		const window = between(flows, startOf(flows), 2, SECONDS);
		if (sum(window.slice(0, 2)) > 0) throw new Error('the silent ones were not silent');
		return sum(window) / (SHARED.bytesPerSecond * (SECONDS - 2));
	});
	return rateRow('2 of 4 fall silent: what the others get', share);
}

async function main(): Promise<void> {
	const rows: Row[] = [];
	for (const workers of [1, 2]) for (const rate of RATES) rows.push(await rateKept(rate, workers));
	rows.push(...(await shared()), await silent());
	const width = Math.max(...rows.map(({ what }) => what.length));
	for (const { what, value, goal, met } of rows) {
		console.log(`${what.padEnd(width)}  ${value.toFixed(4)}  ${goal.padEnd(9)}  ${met ? 'met' : 'MISSED'}`);
	}
	process.exitCode = rows.every(({ met }) => met) ? 0 : 1;
}

await main();
