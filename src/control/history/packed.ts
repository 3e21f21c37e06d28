import type { Point } from './points.ts';

/** What is kept of each series, in this order. */
const KEYS = ['active', 'endedPerSecond', 'uploadBytesPerSecond', 'downloadBytesPerSecond', 'queued'] as const;

/** Single precision, seven digits: a chart shows no more, and a row of 128 series stays within a page of the file. */
const FLOAT_BYTES = 4;
/** Of one series at one time. */
export const POINT_BYTES = KEYS.length * FLOAT_BYTES;

/** Values of one series; the time is the begin of what they are of. */
export type Row = Omit<Point, 'series'>;

/** The values of all points, one behind the other, low byte first. */
export function packed(points: readonly Point[]): Uint8Array {
	const bytes = new Uint8Array(points.length * POINT_BYTES);
	const view = new DataView(bytes.buffer);
	points.forEach((point, place) => {
		KEYS.forEach((key, at) => {
			view.setFloat32(place * POINT_BYTES + at * FLOAT_BYTES, point[key], true);
		});
	});
	return bytes;
}

/** Means of packed points by steps of time. */
export class Means {
	readonly #stepMs: number;
	readonly #sums = new Map<number, { count: number; readonly values: number[] }>();

	constructor(stepMs: number) {
		this.#stepMs = stepMs;
	}

	/** `bytes`: one point; what is shorter is none. */
	add(timeMs: number, bytes: Uint8Array): void {
		if (bytes.byteLength < POINT_BYTES) return;
		const stepMs = Math.floor(timeMs / this.#stepMs) * this.#stepMs;
		const sum = this.#sums.get(stepMs) ?? { count: 0, values: KEYS.map(() => 0) };
		this.#sums.set(stepMs, sum);
		const view = new DataView(bytes.buffer, bytes.byteOffset);
		sum.count += 1;
		KEYS.forEach((_, at) => {
			sum.values[at] = (sum.values[at] ?? 0) + view.getFloat32(at * FLOAT_BYTES, true);
		});
	}

	/** In the order in which the steps were met. */
	rows(): Row[] {
		return [...this.#sums].map(([timeMs, { count, values }]) => {
			const [active = 0, endedPerSecond = 0, uploadBytesPerSecond = 0, downloadBytesPerSecond = 0, queued = 0] =
				values.map((value) => value / count);
			return { timeMs, active, endedPerSecond, uploadBytesPerSecond, downloadBytesPerSecond, queued };
		});
	}
}
