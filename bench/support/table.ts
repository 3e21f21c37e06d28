import { goalMet, type Measurement, type WorkloadResult } from './results.ts';

/** Marks a figure that the load, not the proxy, may have limited. */
const LOAD_BOUND = '*';
const NONE = '-';

export function amount(value: number): string {
	if (value >= 1_000) return Math.round(value).toLocaleString('en-US');
	if (value >= 100) return value.toFixed(0);
	return value >= 10 ? value.toFixed(1) : value.toFixed(value >= 0.1 ? 2 : 3);
}

function cell(measurement: Measurement | undefined): string {
	if (measurement === undefined) return NONE;
	const { median, min, max } = measurement.value;
	return `${amount(median)} (${amount(min)} to ${amount(max)})${measurement.loadBound ? LOAD_BOUND : ''}`;
}

/** `1.26 x, goal 1.25: met`. */
export function verdict(workload: WorkloadResult, measurement: Measurement | undefined): string {
	if (measurement === undefined) return NONE;
	const ratio = measurement.ratio === null ? NONE : `${measurement.ratio.toFixed(2)} x`;
	const met = goalMet(workload, measurement);
	if (met === null) return ratio;
	const bound = workload.metric === 'work' ? 'at least' : 'at most';
	const goal = workload.metric === 'memory' ? `${workload.goal} bytes` : `${workload.goal?.toFixed(2)} x`;
	return `${ratio}, ${bound} ${goal}: ${met ? 'met' : 'not met'}`;
}

/** Everything measured, a paragraph for each workload; columns are as wide as they must be. */
export function terminalTable(workloads: readonly WorkloadResult[]): string {
	return workloads.map(paragraph).join('\n\n');
}

function paragraph(workload: WorkloadResult): string {
	const rate = workload.rate === null ? '' : `, ${workload.rate} a second`;
	const head = [
		`${workload.title} (${workload.unit}${rate})`,
		'median (min to max)',
		'beside peers',
		'cores: proxy, load',
	];
	const rows = workload.measurements.map((one) => [
		`  ${one.contender}`,
		cell(one),
		one.ratio === null ? '' : verdict(workload, one),
		`${one.proxyCores.toFixed(2)}, ${one.loadCores.toFixed(2)}${remarks(one)}`,
	]);
	const absent = Object.entries(workload.absent).map(([name, why]) => `  ${name}: ${why.split('\n')[0]}`);
	return [...aligned([head, ...rows]), ...absent].join('\n');
}

function remarks({ p50Ms, errors }: Measurement): string {
	const middle = p50Ms === null ? '' : `, p50 ${amount(p50Ms)} ms`;
	return errors === 0 ? middle : `${middle}, ${errors} errors`;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
	const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
	return rows.map((row) =>
		row
			.map((text, column) => text.padEnd(widths[column] ?? 0))
			.join('  ')
			.trimEnd(),
	);
}
