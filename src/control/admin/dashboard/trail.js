/** How far back the charts may go, in seconds, and the step of their points: 480 at most. */
export const RANGES = [
	{ seconds: 300, step: 1 },
	{ seconds: 3_600, step: 10 },
	{ seconds: 86_400, step: 180 },
];

/** A silence of so many steps, and no less than so many seconds, is a gap in a line. */
const GAP_STEPS = 2.5;
const LEAST_GAP = 25;

/** @typedef {{ time: number, count: number, sums: number[] }} Step */
/** @typedef {{ times: number[], series: (number | null)[][] }} Drawn */

/** What is known of one thing over time: means of steps, seconds since 1970, for each range. */
export class Trail {
	/** @type {Map<number, Step[]>} */
	#steps = new Map(RANGES.map(({ seconds }) => [seconds, []]));

	/** What is now. @param {number} time @param {readonly number[]} values */
	add(time, values) {
		for (const { seconds, step } of RANGES) {
			const steps = this.#of(seconds);
			const begin = Math.floor(time / step) * step;
			const last = steps.at(-1);
			if (last === undefined || last.time < begin) steps.push({ time: begin, count: 1, sums: [...values] });
			else {
				last.count += 1;
				last.sums = last.sums.map((sum, at) => sum + (values[at] ?? 0));
			}
			while ((steps[0]?.time ?? time) < time - seconds) steps.shift();
		}
	}

	/**
	 * Puts what the server has kept where this page has seen nothing.
	 * @param {number} seconds which range
	 * @param {readonly { time: number, values: readonly number[] }[]} points rising
	 * @param {number} width seconds that one of them stands for
	 */
	fill(seconds, points, width) {
		const seen = this.#of(seconds);
		const missing = points.filter(({ time }) => !seen.some((step) => step.time >= time && step.time < time + width));
		const filled = [...seen, ...missing.map(({ time, values }) => ({ time, count: 1, sums: [...values] }))];
		this.#steps.set(
			seconds,
			filled.sort((a, b) => a.time - b.time),
		);
	}

	/** The first time of which anything is known. @param {number} seconds */
	first(seconds) {
		return this.#of(seconds)[0]?.time ?? null;
	}

	/** As columns, with a hole where nothing is known. @param {number} seconds @param {number} count of values @returns {Drawn} */
	drawn(seconds, count) {
		const step = RANGES.find((range) => range.seconds === seconds)?.step ?? 1;
		const gap = Math.max(LEAST_GAP, step * GAP_STEPS);
		/** @type {Drawn} */
		const made = { times: [], series: Array.from({ length: count }, () => []) };
		let before = Number.POSITIVE_INFINITY;
		for (const { time, count: seen, sums } of this.#of(seconds)) {
			if (time - before > gap) push(made, before + step, () => null);
			push(made, time, (at) => (sums[at] ?? 0) / seen);
			before = time;
		}
		return made;
	}

	/** @param {number} seconds */
	#of(seconds) {
		return this.#steps.get(seconds) ?? [];
	}
}

/** @param {Drawn} made @param {number} time @param {(at: number) => number | null} value */
function push({ times, series }, time, value) {
	times.push(time);
	for (const [at, values] of series.entries()) values.push(value(at));
}
