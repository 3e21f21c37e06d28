import type { Contender, Feature } from './contenders/contender.ts';
import type { LoadJob, LoadResult } from './load/load.ts';
import type { Options } from './options.ts';
import type { Workload } from './question.ts';
import { summarize, type Taken, type WorkloadResult } from './results.ts';
import type { Samples } from './samples.ts';
import type { Stage } from './stage.ts';

/** How the rate of a paced load is found: half of what the slowest did in another workload. */
export interface PaceRule {
	readonly from: string;
}

/** Says what happens, while it happens. */
export type Say = (text: string) => void;

/**
 * Takes the measurements: for each feature all its proxies are raised, then round by round and workload by
 * workload the contenders take turns, so that a slow minute of the machine meets all of them.
 */
export class Runner {
	readonly #options: Options;
	readonly #stage: Stage;
	readonly #samples: Samples;
	readonly #pace: PaceRule;
	readonly #say: Say;
	readonly #endMs: number;
	/** By feature and contender: why it is not measured. */
	readonly #absent = new Map<string, string>();
	#rate: number | null = null;
	/** The budget was spent before the last round. */
	cutShort = false;

	constructor(options: Options, stage: Stage, samples: Samples, pace: PaceRule, say: Say) {
		this.#options = options;
		this.#stage = stage;
		this.#samples = samples;
		this.#pace = pace;
		this.#say = say;
		this.#endMs = performance.now() + options.budgetMs;
	}

	async run(workloads: readonly Workload[], contenders: readonly Contender[]): Promise<void> {
		for (const feature of new Set(workloads.map((workload) => workload.feature))) {
			const some = workloads.filter((workload) => workload.feature === feature);
			const wanting = contenders.filter((one) => some.some((workload) => this.#lacks(workload, one)));
			const raised = await this.#raiseAll(wanting, feature);
			for (let round = 0; round < this.#options.rounds && !this.cutShort; round++) {
				await this.#round(round, some, raised);
			}
			await this.#stage.clear();
		}
	}

	summary(workloads: readonly Workload[], contenders: readonly Contender[]): WorkloadResult[] {
		return workloads.map((workload) => {
			const taken = contenders.map((one) => this.#taken(workload, one)).filter(({ samples }) => samples.length > 0);
			const reasons = contenders.map((one) => [one.name, this.#absent.get(absence(workload.feature, one))] as const);
			const absent = Object.fromEntries(reasons.flatMap(([name, why]) => (why === undefined ? [] : [[name, why]])));
			return summarize(workload, workload.job.kind === 'paced' ? this.#paceOf(contenders) : null, taken, absent);
		});
	}

	#taken(workload: Workload, contender: Contender): Taken {
		const { shared, load } = this.#stage.placement(contender);
		return {
			contender: contender.name,
			workers: contender.workers,
			isPeer: contender.isPeer,
			samples: this.#samples.of(workload.name, contender.name),
			loadCores: shared ? null : load.split(',').length,
		};
	}

	#lacks(workload: Workload, contender: Contender): boolean {
		return this.#samples.of(workload.name, contender.name).length < this.#options.rounds;
	}

	async #raiseAll(contenders: readonly Contender[], feature: Feature | null): Promise<Contender[]> {
		const raised: Contender[] = [];
		for (const contender of contenders) {
			const why = await this.#raise(contender, feature);
			if (why === null) raised.push(contender);
			else {
				this.#absent.set(absence(feature, contender), why);
				this.#say(`${contender.name}${feature === null ? '' : ` with ${feature}`}: ${why}`);
			}
		}
		return raised;
	}

	async #raise(contender: Contender, feature: Feature | null): Promise<string | null> {
		const site = await this.#stage.site(contender, feature);
		const recipe = contender.recipe(site);
		if (typeof recipe === 'string') return recipe;
		try {
			await this.#stage.raise(contender, site, recipe);
			return null;
		} catch (error) {
			this.#say(`${contender.name}: ${error instanceof Error ? error.message : String(error)}`);
			return 'did not start';
		}
	}

	async #round(round: number, workloads: readonly Workload[], contenders: readonly Contender[]): Promise<void> {
		const at = round % Math.max(1, contenders.length);
		const turn = [...contenders.slice(at), ...contenders.slice(0, at)];
		for (const workload of workloads) {
			for (const contender of turn) {
				if (this.#samples.of(workload.name, contender.name).length > round) continue;
				this.cutShort ||= performance.now() > this.#endMs;
				if (this.cutShort) return;
				await this.#take(round, workload, contender, contenders);
			}
		}
	}

	async #take(round: number, workload: Workload, contender: Contender, all: readonly Contender[]): Promise<void> {
		const label = `${round + 1}/${this.#options.rounds} ${workload.name} ${contender.name}`;
		const job = this.#jobFor(workload, all);
		if (job === null) return this.#say(`${label}: no rate, ${this.#pace.from} was not measured`);
		try {
			const sample = await this.#sample({ ...workload, job }, contender);
			this.#samples.add(workload.name, contender.name, sample);
			this.#say(`${label}: ${inWords(workload, sample)}`);
		} catch (error) {
			this.#say(`${label}: failed: ${error instanceof Error ? error.message : String(error)}`);
		}
	}

	async #sample(workload: Workload, contender: Contender): Promise<LoadResult> {
		const { warmMs, windowMs } = this.#options;
		if (workload.job.kind !== 'idle') return this.#stage.measure(contender, workload, warmMs, windowMs);
		// Memory that an earlier load has left behind would hide what these sessions take.
		await this.#stage.drop(contender);
		const why = await this.#raise(contender, null);
		if (why !== null) throw new Error(why);
		return this.#stage.measure(contender, workload, warmMs, Math.min(windowMs, 1_000));
	}

	#jobFor({ job }: Workload, contenders: readonly Contender[]): LoadJob | null {
		if (job.kind !== 'paced') return job;
		const perSecond = this.#paceOf(contenders);
		return perSecond === null ? null : { ...job, perSecond };
	}

	/** Stays the same once it is known, also for a run that goes on later, as the first samples are kept. */
	#paceOf(contenders: readonly Contender[]): number | null {
		if (this.#rate !== null) return this.#rate;
		const first = contenders.map((one) => this.#samples.of(this.#pace.from, one.name)[0]);
		const perSecond = first.flatMap((sample) => (sample === undefined ? [] : [sample.work / sample.seconds]));
		if (perSecond.length > 0) this.#rate = Math.floor(Math.min(...perSecond) / 2);
		return this.#rate;
	}
}

const absence = (feature: Feature | null, contender: Contender): string => `${feature} ${contender.name}`;

function inWords({ metric, unit }: Workload, sample: LoadResult): string {
	const load = ((sample.clientCpuSeconds + sample.backendCpuSeconds) / sample.seconds).toFixed(2);
	const proxy = (sample.proxyCpuSeconds / sample.seconds).toFixed(2);
	const failed = sample.errors > 0 ? `, ${sample.errors} errors` : '';
	const busy = `(cores: proxy ${proxy}, load ${load}${failed})`;
	if (metric === 'memory')
		return `${Math.round(sample.bytesPerSession ?? 0)} bytes a session, ${sample.work} sessions ${busy}`;
	if (metric === 'p99')
		return `p50 ${sample.latency?.p50Ms.toFixed(3)} ms, p99 ${sample.latency?.p99Ms.toFixed(3)} ms ${busy}`;
	return `${(sample.work / unit.size / sample.proxyCpuSeconds).toFixed(2)} ${unit.label} per CPU s ${busy}`;
}
