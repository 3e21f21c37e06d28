/**
 * `npm run bench:watched [PAIRS]`: what being watched costs. One process with the access log on, metrics scraped and the
 * dashboard's questions asked each second, beside one with none of it, at 1,000 sessions a second each, taking turns.
 * Prints the difference in CPU time with its 95 % interval.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { RawLoad } from '../test/support/raw-load.ts';
import { cpuSeconds } from './support/processes.ts';

const PAIRS = Number(process.argv[2] ?? 10);
const SESSIONS_PER_SECOND = 1_000;
const SECONDS = 5;
const TICK_MS = 50;
const GOAL = 0.03;
/** What the dashboard asks for each second. */
const QUESTIONS = ['/status', '/listeners', '/pools', '/buckets', '/countries', '/events?after=0'];
/** Student's t for 95 %, by degrees of freedom; beyond the list about 2. */
const STUDENT = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13];

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'watched-'));
const load = new RawLoad();

interface Running {
	readonly pid: number;
	readonly port: number;
	readonly socket: string | null;
	end(): void;
}

async function start(watched: boolean): Promise<Running> {
	const name = watched ? 'watched' : 'alone';
	const socket = watched ? join(folder, 'admin.sock') : null;
	const config: ConfigInput = {
		workers: 1,
		log: { access: watched ? 'all' : 'none' },
		...(socket === null ? {} : { admin: { bind: `unix:${socket}` } }),
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
		pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: load.address }] }],
	};
	const file = join(folder, `${name}.json`);
	writeFileSync(file, JSON.stringify(config));
	const child = spawn(process.execPath, ['bin/sluice.ts', 'run', '-c', file], {
		cwd: ROOT,
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const lines = createInterface({ input: child.stdout });
	let port = 0;
	for await (const line of lines) {
		const { msg, address } = JSON.parse(line) as { msg: string; address?: string };
		if (msg !== 'listening') continue;
		port = Number(address?.split(':').at(-1));
		break;
	}
	child.stdout.resume();
	return { pid: child.pid ?? 0, port, socket, end: () => child.kill('SIGKILL') };
}

async function ask(socketPath: string, path: string): Promise<void> {
	const sent = request({ socketPath, path });
	sent.end();
	const [answer] = await once(sent, 'response');
	answer.resume();
	await once(answer, 'end');
}

/** CPU seconds of one process while it serves for a while. */
async function measure({ pid, port, socket }: Running): Promise<number> {
	const watching =
		socket === null
			? null
			: setInterval(() => {
					for (const path of ['/metrics', ...QUESTIONS]) void ask(socket, path);
				}, 1_000);
	const before = cpuSeconds([pid]);
	const beginMs = performance.now();
	for (let tick = 0; tick < (SECONDS * 1_000) / TICK_MS; tick++) {
		await load.run(port, (SESSIONS_PER_SECOND * TICK_MS) / 1_000, SESSIONS_PER_SECOND);
		const restMs = beginMs + (tick + 1) * TICK_MS - performance.now();
		if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
	}
	const used = cpuSeconds([pid]) - before;
	if (watching !== null) clearInterval(watching);
	return used;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

async function run(): Promise<void> {
	const [alone, watched] = [await start(false), await start(true)];
	const ratios: number[] = [];
	const extras: number[] = [];
	try {
		await measure(alone);
		await measure(watched);
		for (let pair = 0; pair < PAIRS; pair++) {
			// Who goes first takes turns, too.
			const first = pair % 2 === 0 ? alone : watched;
			const usedFirst = await measure(first);
			const usedSecond = await measure(first === alone ? watched : alone);
			const [without, withAll] = first === alone ? [usedFirst, usedSecond] : [usedSecond, usedFirst];
			ratios.push(withAll / without - 1);
			extras.push((withAll - without) / SECONDS);
			process.stdout.write(`pair ${pair + 1}: ${without.toFixed(2)} s alone, ${withAll.toFixed(2)} s watched\n`);
		}
	} finally {
		alone.end();
		watched.end();
		load.close();
		rmSync(folder, { recursive: true });
	}
	const middle = mean(ratios);
	const deviation = Math.sqrt(mean(ratios.map((ratio) => (ratio - middle) ** 2)) * (PAIRS / Math.max(1, PAIRS - 1)));
	const half = ((STUDENT[PAIRS - 2] ?? 2) * deviation) / Math.sqrt(PAIRS);
	const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
	process.stdout.write(
		`being watched costs ${percent(middle)} of CPU time (95 %: ${percent(middle - half)} to ${percent(middle + half)}) at ${SESSIONS_PER_SECOND} sessions a second; goal under ${percent(GOAL)}; of one core that is ${percent(mean(extras))}\n`,
	);
}

await run();
