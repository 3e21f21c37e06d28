import { type Metric, Registry } from 'prom-client';
import { METRICS, type MetricName } from './names.ts';
import { type HistogramReading, type MetricSources, type Reading, takeReadings } from './readings.ts';

interface Value {
	readonly labels: Readonly<Record<string, string | number>>;
	readonly value: number;
	readonly metricName?: string;
}

/**
 * The text of `/metrics`. prom-client writes it; the values are read off the scoreboard when it asks, since the data
 * plane counts for itself. `get` is what a registry asks of each metric it holds (the interface of its own classes).
 */
export class Exposition {
	readonly #registry = new Registry();
	readonly #sources: MetricSources;
	#values = new Map<MetricName, Value[]>();

	constructor(sources: MetricSources) {
		this.#sources = sources;
		for (const name of Object.keys(METRICS) as MetricName[]) {
			const { help, type } = METRICS[name];
			const get = async () => ({ name, help, type, aggregator: 'sum', values: this.#values.get(name) ?? [] });
			this.#registry.registerMetric({ name, help, type, get } as unknown as Metric);
		}
	}

	async text(): Promise<{ readonly type: string; readonly text: string }> {
		this.#values = valuesOf(takeReadings(this.#sources), this.#sources.histograms());
		return { type: this.#registry.contentType, text: await this.#registry.metrics() };
	}
}

function valuesOf(readings: readonly Reading[], histograms: readonly HistogramReading[]): Map<MetricName, Value[]> {
	const values = new Map<MetricName, Value[]>();
	const add = (name: MetricName, value: Value): void => {
		const known = values.get(name);
		if (known === undefined) values.set(name, [value]);
		else known.push(value);
	};
	for (const { name, labels, value } of readings) add(name, { labels: labelsOf(name, labels), value });
	for (const histogram of histograms) for (const value of bucketsOf(histogram)) add(histogram.name, value);
	return values;
}

/** @throws RangeError when a reading has not the labels of its metric. */
function labelsOf(name: MetricName, values: readonly string[]): Readonly<Record<string, string>> {
	const { labels }: { readonly labels: readonly string[] } = METRICS[name];
	if (labels.length !== values.length) throw new RangeError(`${name} has labels ${labels.join(', ')}`);
	return Object.fromEntries(labels.map((label, at) => [label, values[at] ?? '']));
}

/** Buckets are cumulative in the format (Prometheus exposition formats, "Histograms and summaries"). */
function bucketsOf({ name, bounds, totals }: HistogramReading): Value[] {
	let sum = 0;
	const buckets = totals.counts.map((count, at): Value => {
		sum += count;
		return { metricName: `${name}_bucket`, labels: { le: bounds[at] ?? '+Inf' }, value: sum };
	});
	return [
		...buckets,
		{ metricName: `${name}_sum`, labels: {}, value: totals.sum },
		{ metricName: `${name}_count`, labels: {}, value: sum },
	];
}
