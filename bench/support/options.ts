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

export const USAGE = `usage: npm run bench -- [options]
  --quick               the workloads that have goals, one worker each, under 10 minutes
  --only NAME           workloads whose name has this in it; may be repeated
  --contender NAME      contenders whose name has this in it; may be repeated
  --rounds N            measurements of each (5)
  --window-ms N         length of one (3000, quick 1500)
  --warm-ms N           time before it (1000, quick 400)
  --sluice FOLDER       measure another checkout of Sluice
  --fresh               forget what an earlier run that was ended has measured`;

const QUICK = { rounds: 5, warmMs: 400, windowMs: 1_500, budgetMs: 9.5 * 60_000 };
const FULL = { rounds: 5, warmMs: 1_000, windowMs: 3_000, budgetMs: Number.POSITIVE_INFINITY };

/** @throws TypeError on an unknown option. */
export function readOptions(args: readonly string[], root: string): Options {
	const { values } = parseArgs({
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
	});
	const defaults = values.quick ? QUICK : FULL;
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
