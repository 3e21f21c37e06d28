import { parseArgs } from 'node:util';

/** How a run is to be. */
export interface Options {
	/** `trial`: some workloads only, or other windows; never the README's figures. */
	readonly mode: 'full' | 'quick' | 'trial';
	readonly quick: boolean;
	readonly rounds: number;
	readonly warmMs: number;
	readonly windowMs: number;
	/** No new round of a workload is begun after it. */
	readonly budgetMs: number;
	/** Parts of names of workloads; empty: all. */
	readonly only: readonly string[];
	/** Parts of names of contenders; empty: all. */
	readonly contenders: readonly string[];
	readonly fresh: boolean;
	/** The checkout of Sluice that is measured. */
	readonly root: string;
}

const COMMON_USAGE = `  --only NAME           workloads whose name has this in it; may be repeated
  --contender NAME      contenders whose name has this in it; may be repeated
  --rounds N            measurements of each (5)
  --window-ms N         length of one
  --warm-ms N           time before it
  --sluice FOLDER       measure another checkout of Sluice
  --fresh               forget what an earlier run that was ended has measured`;

export const USAGE = `usage: npm run bench -- [options]
  --quick               the workloads that have goals, one worker each, under 10 minutes
${COMMON_USAGE}
windows of 3000 ms after 1000 ms, quick ones of 1500 after 400`;

export const TLS_USAGE = `usage: npm run bench:tls -- [options]
${COMMON_USAGE}
windows of 1000 ms after 300 ms, all in under 4 minutes`;

const QUICK = { rounds: 5, warmMs: 400, windowMs: 1_500, budgetMs: 9.5 * 60_000 };
/** Each measurement takes half a second besides. */
const TLS = { rounds: 5, warmMs: 300, windowMs: 1_000, budgetMs: 3.8 * 60_000 };
const FULL = { rounds: 5, warmMs: 1_000, windowMs: 3_000, budgetMs: Number.POSITIVE_INFINITY };

type Settings = Pick<Options, 'rounds' | 'warmMs' | 'windowMs' | 'budgetMs'>;

/** @throws TypeError on an unknown option. */
export function readOptions(args: readonly string[], root: string): Options {
	const values = parse(args);
	return optionsOf(values, values.quick ? QUICK : FULL, root);
}

/** Always quick. @throws TypeError on an unknown option. */
export const readTlsOptions = (args: readonly string[], root: string): Options =>
	optionsOf({ ...parse(args), quick: true }, TLS, root);

function parse(args: readonly string[]) {
	return parseArgs({
		args: [...args],
		options: {
			quick: { type: 'boolean', default: false },
			fresh: { type: 'boolean', default: false },
			only: { type: 'string', multiple: true, default: [] },
			contender: { type: 'string', multiple: true, default: [] },
			rounds: { type: 'string' },
			'window-ms': { type: 'string' },
			'warm-ms': { type: 'string' },
			sluice: { type: 'string' },
		},
	}).values;
}

function optionsOf(values: ReturnType<typeof parse>, defaults: Settings, root: string): Options {
	const altered = values.rounds ?? values['window-ms'] ?? values['warm-ms'] ?? values.sluice;
	const trial = altered !== undefined || values.only.length + values.contender.length > 0;
	return {
		mode: trial ? 'trial' : values.quick ? 'quick' : 'full',
		quick: values.quick,
		rounds: number(values.rounds, defaults.rounds),
		warmMs: number(values['warm-ms'], defaults.warmMs),
		windowMs: number(values['window-ms'], defaults.windowMs),
		budgetMs: defaults.budgetMs,
		only: values.only,
		contenders: values.contender,
		fresh: values.fresh,
		root: values.sluice ?? root,
	};
}

function number(text: string | undefined, otherwise: number): number {
	if (text === undefined) return otherwise;
	const value = Number(text);
	if (!(value > 0)) throw new TypeError(`not a number above 0: ${text}`);
	return value;
}
