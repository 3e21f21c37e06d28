import { METRICS } from '../metrics/names.ts';
import type { Reading } from '../metrics/readings.ts';
import type { Condition, Operator } from './condition.ts';

/** What is compared, and whether the condition holds; a value of null: there is nothing to compare now. */
export interface Verdict {
	readonly value: number | null;
	readonly met: boolean;
}

const NOTHING: Verdict = { value: null, met: false };
/** Over which counters are compared. */
export const RATE_WINDOW_MS = 60_000;

const HOLDS: Readonly<Record<Operator, (value: number, threshold: number) => boolean>> = {
	'<': (value, threshold) => value < threshold,
	'<=': (value, threshold) => value <= threshold,
	'>': (value, threshold) => value > threshold,
	'>=': (value, threshold) => value >= threshold,
	'==': (value, threshold) => value === threshold,
	'!=': (value, threshold) => value !== threshold,
};

/** Whether a reading is one of those a condition is about. */
export function isAbout({ metric, labels }: Condition, reading: Reading): boolean {
	if (reading.name !== metric) return false;
	return METRICS[metric].labels.every((label, at) => {
		const wanted = labels[label];
		const has = reading.labels[at] ?? '';
		// A host name with several addresses is a backend for each of them, NAME/ADDRESS.
		return wanted === undefined || has === wanted || (label === 'backend' && has.startsWith(`${wanted}/`));
	});
}

/** Evaluates one condition, look after look; what counters need to be rates is kept here. */
export class Watch {
	readonly #condition: Condition;
	readonly #growth = new Growth();

	constructor(condition: Condition) {
		this.#condition = condition;
	}

	/**
	 * Of several gauges, such as those of all pools, one that meets the condition is enough, and the one that meets it
	 * most is told; counters are added up.
	 */
	look(readings: readonly Reading[], nowMs: number): Verdict {
		const own = readings.filter((reading) => isAbout(this.#condition, reading));
		return this.#condition.perSecond ? this.#rate(own, nowMs) : this.#worst(own.map(({ value }) => value));
	}

	#worst(values: readonly number[]): Verdict {
		if (values.length === 0) return NOTHING;
		const { operator, threshold } = this.#condition;
		const meets = (value: number): boolean => HOLDS[operator](value, threshold);
		if (operator === '==' || operator === '!=') return verdict(values.find(meets) ?? values[0] ?? 0, meets);
		const most = operator === '<' || operator === '<=' ? Math.min : Math.max;
		return verdict(
			values.reduce((a, b) => most(a, b)),
			meets,
		);
	}

	/** Before a whole minute was seen, too little is known to say that something is rare. */
	#rate(readings: readonly Reading[], nowMs: number): Verdict {
		const { operator, threshold } = this.#condition;
		const { perSecond, whole } = this.#growth.note(readings, nowMs);
		if (!whole && operator !== '>' && operator !== '>=') return NOTHING;
		return verdict(perSecond, (value) => HOLDS[operator](value, threshold));
	}
}

const verdict = (value: number, meets: (value: number) => boolean): Verdict => ({ value, met: meets(value) });

/** How much counters rose within the last minute, together. One that begins anew or goes away counts as still. */
class Growth {
	#values: ReadonlyMap<string, number> | null = null;
	#sum = 0;
	/** Sums and when, oldest first; the first is the last one that is a whole window old. */
	readonly #samples: { readonly timeMs: number; readonly sum: number }[] = [];

	note(readings: readonly Reading[], nowMs: number): { readonly perSecond: number; readonly whole: boolean } {
		const values = new Map(readings.map(({ labels, value }) => [labels.join('\n'), value]));
		if (this.#values !== null)
			for (const [key, value] of values) this.#sum += Math.max(0, value - (this.#values.get(key) ?? 0));
		this.#values = values;
		this.#samples.push({ timeMs: nowMs, sum: this.#sum });
		while ((this.#samples[1]?.timeMs ?? nowMs) <= nowMs - RATE_WINDOW_MS) this.#samples.shift();
		const oldest = this.#samples[0];
		const passedMs = nowMs - (oldest?.timeMs ?? nowMs);
		const overMs = Math.max(RATE_WINDOW_MS, passedMs);
		return { perSecond: ((this.#sum - (oldest?.sum ?? 0)) * 1_000) / overMs, whole: passedMs >= RATE_WINDOW_MS };
	}
}
