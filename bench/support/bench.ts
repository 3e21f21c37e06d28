import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contender, Site } from './contenders/contender.ts';
import { placementFor, usableCores } from './cores.ts';
import { machineFacts, sourceHash } from './machine.ts';
import { BENCH_HOST, runInNamespace } from './namespace.ts';
import type { Options } from './options.ts';
import type { Question, Workload } from './question.ts';
import type { Results } from './results.ts';
import { type PaceRule, Runner } from './runner.ts';
import { Samples } from './samples.ts';
import { Stage } from './stage.ts';
import { terminalTable } from './table.ts';
import type { TlsFiles } from './tls-files.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const RESULTS = fileURLToPath(new URL('../results', import.meta.url));
const TRY_PORT = 4_999;

/** One bench: who is compared on what, and where it is kept. */
export interface Bench {
	/** The script itself, to be run again in a network namespace. */
	readonly script: string;
	readonly usage: string;
	/** @throws TypeError on an unknown option. */
	readonly options: (args: readonly string[]) => Options;
	readonly questions: readonly Question[];
	readonly contenders: (options: Options) => readonly Contender[];
	readonly pace: PaceRule;
	/** With which the contenders terminate TLS; null: plain TCP. */
	readonly makeTls: () => TlsFiles | null;
	/** Versions beside those of the contenders and Node. */
	readonly versions: Readonly<Record<string, string>>;
	/** Of its files in bench/results, without ending. */
	readonly fileOf: (options: Options) => string;
	/** What else is kept of the results, by ending. */
	readonly drawings: Readonly<Record<string, (results: Results) => string>>;
}

const say = (text: string): void => console.log(text);

function workloadsFor({ questions }: Bench, options: Options): Workload[] {
	const all = questions.flatMap(({ workloads }) => workloads);
	const named = ({ name }: Workload): boolean =>
		options.only.length === 0 || options.only.some((part) => name.includes(part));
	return all.filter((workload) => (workload.quick || !options.quick) && named(workload));
}

/** Those that can run here; of the others it is said why. */
function contendersFor(bench: Bench, options: Options, folder: string, tls: TlsFiles | null): Contender[] {
	const site: Site = { host: BENCH_HOST, port: TRY_PORT, backendPort: TRY_PORT, folder, feature: null, tls };
	const named = ({ name }: Contender): boolean =>
		options.contenders.length === 0 || options.contenders.some((part) => name.includes(part));
	return bench
		.contenders(options)
		.filter(named)
		.filter((contender) => {
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
	bench: Bench,
	options: Options,
	contenders: readonly Contender[],
	cores: readonly number[],
): Omit<Results, 'workloads'> {
	const { mode, rounds, warmMs, windowMs } = options;
	const named = contenders.map((one) => [one.name.replace(/-.*$/, ''), one.version()] as const);
	const versions = Object.fromEntries(named.filter(([name]) => name !== 'net'));
	return {
		mode,
		machine: machineFacts(cores.length),
		versions: { ...versions, Node: process.version.slice(1), ...bench.versions },
		settings: { rounds, warmMs, windowMs, placement: placementInWords(contenders, cores) },
	};
}

function write(bench: Bench, file: string, results: Results): void {
	mkdirSync(RESULTS, { recursive: true });
	writeFileSync(join(RESULTS, `${file}.json`), `${JSON.stringify(results, null, 2)}\n`);
	for (const [ending, draw] of Object.entries(bench.drawings)) {
		writeFileSync(join(RESULTS, `${file}.${ending}`), draw(results));
	}
}

async function measure(bench: Bench, options: Options, folder: string): Promise<void> {
	const [cores, tls, file] = [usableCores(), bench.makeTls(), bench.fileOf(options)];
	const contenders = contendersFor(bench, options, folder, tls);
	const workloads = workloadsFor(bench, options);
	const about = describe(bench, options, contenders, cores);
	const fingerprint = JSON.stringify([about, sourceHash(options.root)]);
	const samples = new Samples(join(RESULTS, `${file}.partial.json`), fingerprint, options.fresh);
	if (samples.resumed > 0)
		say(`going on after ${samples.resumed} measurements of an earlier run (--fresh forgets them)`);
	const stage = new Stage(folder, cores, tls);
	const runner = new Runner(options, stage, samples, bench.pace, say);
	try {
		await runner.run(workloads, contenders);
	} finally {
		await stage.close();
	}
	const results: Results = { ...about, workloads: runner.summary(workloads, contenders) };
	write(bench, file, results);
	say(`\n${terminalTable(results.workloads)}\n`);
	say("* the load's processors were full while the proxy's were not; work per CPU second still compares");
	if (runner.cutShort) say('the time was up before the last round: medians are of fewer');
	else samples.remove();
	say(
		`kept in bench/results/${[`${file}.json`, ...Object.keys(bench.drawings).map((ending) => `.${ending}`)].join(' and ')}`,
	);
}

function optionsOf(bench: Bench, args: readonly string[]): Options | null {
	try {
		return bench.options(args);
	} catch (error) {
		console.error(`${error instanceof Error ? error.message : String(error)}\n\n${bench.usage}`);
		return null;
	}
}

/** Answers the exit code. */
export async function runBench(bench: Bench): Promise<number> {
	const args = process.argv.slice(2);
	if (args.includes('--help')) {
		say(bench.usage);
		return 0;
	}
	const options = optionsOf(bench, args);
	if (options === null) return 1;
	const elsewhere = runInNamespace(bench.script, args);
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
		await measure(bench, options, folder);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
	return 0;
}
