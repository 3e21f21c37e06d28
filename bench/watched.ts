/**
 * `npm run bench:watched [PAIRS]`: what being watched costs. One process with the access log on, metrics scraped and the
 * dashboard open, beside one with none of it, at 1,000 sessions a second each. In a pair each has four turns of two
 * seconds, in the order that cancels a drift of the machine. Prints the difference in CPU time with its 95 % interval.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RawLoad } from '../test/support/raw-load.ts';
import { type Estimate, estimateOf } from './support/stats.ts';
import { type CpuUse, WatchedBalancer } from './support/watched-balancer.ts';

const PAIRS = Number(process.argv[2] ?? 10);
const SESSIONS_PER_SECOND = 1_000;
const TURN_SECONDS = 2;
const TURNS = 4;
/** Until compilers have done their work and the heaps have their size. */
const WARM_SECONDS = 15;
const GOAL = 0.03;

/** Of one pair: seconds of CPU in each second. */
interface Pair {
	readonly alone: CpuUse;
	readonly watched: CpuUse;
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
const total = ({ main, others }: CpuUse): number => main + others;
const inAll = (uses: readonly CpuUse[]): CpuUse => ({
	main: uses.reduce((sum, { main }) => sum + main, 0),
	others: uses.reduce((sum, { others }) => sum + others, 0),
});

async function measurePair(alone: WatchedBalancer, watched: WatchedBalancer): Promise<Pair> {
	const used = new Map<WatchedBalancer, CpuUse[]>([
		[alone, []],
		[watched, []],
	]);
	for (let turn = 0; turn < TURNS; turn++)
		for (const balancer of turn % 2 === 0 ? [alone, watched] : [watched, alone])
			used.get(balancer)?.push(await balancer.serve(SESSIONS_PER_SECOND, TURN_SECONDS));
	const perSecond = (balancer: WatchedBalancer): CpuUse => {
		const { main, others } = inAll(used.get(balancer) ?? []);
		return { main: main / (TURNS * TURN_SECONDS), others: others / (TURNS * TURN_SECONDS) };
	};
	return { alone: perSecond(alone), watched: perSecond(watched) };
}

function report(pairs: readonly Pair[]): void {
	const told = ({ mean, half }: Estimate): string =>
		`${percent(mean)} (95 %: ${percent(mean - half)} to ${percent(mean + half)})`;
	const of = (make: (pair: Pair) => number): Estimate => estimateOf(pairs.map(make));
	const base = of(({ alone }) => total(alone)).mean;
	const cost = of(({ alone, watched }) => total(watched) - total(alone));
	const main = of(({ alone, watched }) => watched.main - alone.main);
	const others = of(({ alone, watched }) => watched.others - alone.others);
	process.stdout.write(
		[
			`at ${SESSIONS_PER_SECOND} sessions a second the process takes ${percent(base)} of a core; being watched costs`,
			`  of its CPU time: ${told({ mean: cost.mean / base, half: cost.half / base })}; goal under ${percent(GOAL)}`,
			`  of one core: ${told(cost)}`,
			`  on the main thread, of one core: ${told(main)}`,
			`  on all other threads, of one core: ${told(others)}`,
			'',
		].join('\n'),
	);
}

async function run(): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), 'watched-'));
	const load = new RawLoad();
	const [alone, watched] = [
		await WatchedBalancer.start(folder, load, false),
		await WatchedBalancer.start(folder, load, true),
	];
	try {
		for (const balancer of [alone, watched]) await balancer.serve(SESSIONS_PER_SECOND, WARM_SECONDS);
		const pairs: Pair[] = [];
		while (pairs.length < PAIRS) {
			const pair = await measurePair(alone, watched);
			pairs.push(pair);
			process.stdout.write(
				`pair ${pairs.length}: ${percent(total(pair.alone))} of a core alone, ${percent(total(pair.watched))} watched\n`,
			);
		}
		report(pairs);
	} finally {
		alone.end();
		watched.end();
		load.close();
		rmSync(folder, { recursive: true });
	}
}

await run();
