/**
 * Sluice beside HAProxy, nginx and a plain pipe of Node, on the same load, in a network namespace of the bench's own.
 * Run: npm run bench, npm run bench:quick; `npm run bench -- --help` tells more.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { question as bulk } from './bulk.ts';
import { question as connect } from './connect.ts';
import { question as features } from './features.ts';
import { question as idle } from './idle.ts';
import { question as latency, RATE_FROM } from './latency.ts';
import { question as pingPong } from './ping-pong.ts';
import { chart } from './support/chart.ts';
import type { Contender, Site } from './support/contenders/contender.ts';
import { haproxy } from './support/contenders/haproxy.ts';
import { netPipe } from './support/contenders/net-pipe.ts';
import { nginx } from './support/contenders/nginx.ts';
import { sluice } from './support/contenders/sluice.ts';
import { placementFor, usableCores } from './support/cores.ts';
import { machineFacts, sourceHash } from './support/machine.ts';
import { BENCH_HOST, runInNamespace } from './support/namespace.ts';
import { type Options, readOptions, USAGE } from './support/options.ts';
import type { Workload } from './support/question.ts';
import type { Results } from './support/results.ts';
import { Runner } from './support/runner.ts';
import { Samples } from './support/samples.ts';
import { Stage } from './support/stage.ts';
import { terminalTable } from './support/table.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RESULTS = fileURLToPath(new URL('./results', import.meta.url));
/** In this order: what sets the rate of the latency question comes before it. */
const QUESTIONS = [bulk, pingPong, connect, latency, idle, features];
const TRY_PORT = 4_999;

const say = (text: string): void => console.log(text);

function workloadsFor(options: Options): Workload[] {
	const all = QUESTIONS.flatMap(({ workloads }) => workloads);
	const named = ({ name }: Workload): boolean =>
		options.only.length === 0 || options.only.some((part) => name.includes(part));
	return all.filter((workload) => (workload.quick || !options.quick) && named(workload));
}

/** Those that can run here; of the others it is said why. */
function contendersFor(options: Options, folder: string): Contender[] {
	const workers = options.quick ? [1] : [1, 2];
	const each = (make: (workers: number) => Contender): Contender[] => workers.map(make);
	const all = [
		...each(haproxy),
		...each(nginx),
		netPipe(),
		...each((count) => sluice('node', count, options.root)),
		...each((count) => sluice('epoll', count, options.root)),
	];
	const named = ({ name }: Contender): boolean =>
		options.contenders.length === 0 || options.contenders.some((part) => name.includes(part));
	const site: Site = { host: BENCH_HOST, port: TRY_PORT, backendPort: TRY_PORT, folder, feature: null };
	return all.filter(named).filter((contender) => {
		const why = contender.missing(site);
		if (why !== null) say(`${contender.name} is left out: ${why}`);
		return why === null;
	});
}

function placementInWords(contenders: readonly Contender[], cores: readonly number[]): Record<string, string> {
	const words = contenders.map(({ workers }) => {
		const { proxy, load, shared } = placementFor(workers, cores);
		const text = shared ? `proxy and load share processors ${load}` : `proxy on ${proxy}, load on ${load}`;
		return [`${workers}`, text] as const;
	});
	return Object.fromEntries(words);
}

function describe(
	options: Options,
	contenders: readonly Contender[],
	cores: readonly number[],
): Omit<Results, 'workloads'> {
	const { mode, rounds, warmMs, windowMs } = options;
	const versions = contenders.map((one) => [one.name.replace(/-.*$/, ''), one.version()] as const);
	return {
		mode,
		machine: machineFacts(cores.length),
		versions: { ...Object.fromEntries(versions.filter(([name]) => name !== 'net')), Node: process.version.slice(1) },
		settings: { rounds, warmMs, windowMs, placement: placementInWords(contenders, cores) },
	};
}

function write(results: Results): void {
	mkdirSync(RESULTS, { recursive: true });
	writeFileSync(join(RESULTS, `${results.mode}.json`), `${JSON.stringify(results, null, 2)}\n`);
	writeFileSync(join(RESULTS, `${results.mode}.svg`), chart(results));
}

async function measure(options: Options, folder: string): Promise<void> {
	const cores = usableCores();
	const contenders = contendersFor(options, folder);
	const workloads = workloadsFor(options);
	const about = describe(options, contenders, cores);
	const fingerprint = JSON.stringify([about, sourceHash(options.root)]);
	const samples = new Samples(join(RESULTS, `${options.mode}.partial.json`), fingerprint, options.fresh);
	if (samples.resumed > 0)
		say(`going on after ${samples.resumed} measurements of an earlier run (--fresh forgets them)`);
	const stage = new Stage(folder, cores);
	const runner = new Runner(options, stage, samples, { from: RATE_FROM }, say);
	try {
		await runner.run(workloads, contenders);
	} finally {
		await stage.close();
	}
	const results: Results = { ...about, workloads: runner.summary(workloads, contenders) };
	write(results);
	say(`\n${terminalTable(results.workloads)}\n`);
	say("* the load's processors were full while the proxy's were not; work per CPU second still compares");
	if (runner.cutShort) say('the time was up before the last round: medians are of fewer');
	else samples.remove();
	say(`kept in bench/results/${options.mode}.json and .svg`);
}

function optionsOf(args: readonly string[]): Options | null {
	try {
		return readOptions(args, ROOT);
	} catch (error) {
		console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
		return null;
	}
}

async function main(): Promise<number> {
	const args = process.argv.slice(2);
	if (args.includes('--help')) {
		say(USAGE);
		return 0;
	}
	const options = optionsOf(args);
	if (options === null) return 1;
	const elsewhere = runInNamespace(fileURLToPath(import.meta.url), args);
	if (elsewhere !== null) return elsewhere;
	const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
	for (const [signal, code] of [
		['SIGINT', 130],
		['SIGTERM', 143],
	] as const) {
		process.once(signal, () => {
			// What it has started hears of its end from the kernel.
			rmSync(folder, { recursive: true, force: true });
			process.exit(code);
		});
	}
	try {
		await measure(options, folder);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
	return 0;
}

process.exitCode = await main();
