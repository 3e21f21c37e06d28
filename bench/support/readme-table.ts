import { existsSync, readFileSync } from 'node:fs';
import type { Results, WorkloadResult } from './results.ts';
import { amount, verdict } from './table.ts';

export const TABLE_BEGIN = '<!-- bench:begin (made by npm run bench:readme) -->';
export const TABLE_END = '<!-- bench:end -->';
const COLUMNS: readonly (readonly [contender: string, heading: string])[] = [
	['haproxy-1', 'HAProxy'],
	['nginx-1', 'nginx'],
	['net-pipe', 'Node `net` pipe'],
	['sluice-node-1', 'Sluice, node engine'],
	['sluice-epoll-1', 'Sluice, epoll engine'],
];
const JUDGED = ['sluice-epoll-1', 'sluice-node-1'];

/** The committed results that the README shows: those of the full run, else of the quick one; null: none yet. */
export function committedResults(folder: URL): Results | null {
	for (const name of ['full.json', 'quick.json']) {
		const file = new URL(name, folder);
		if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Results;
	}
	return null;
}

/** What stands between the markers, with a blank line before and after. */
export function readmeTable(results: Results | null): string {
	if (results === null) return 'No results yet: `npm run bench`.';
	const shown = results.workloads.filter(({ feature }) => feature === null);
	const columns = COLUMNS.filter(([name]) =>
		shown.some((one) => one.measurements.some(({ contender }) => contender === name)),
	);
	const head = ['', ...columns.map(([, heading]) => heading), 'Sluice beside the better of HAProxy and nginx'];
	const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
	const rows = shown.map((workload) => row(workload, columns));
	return [...[head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`), '', footnote(results)].join('\n');
}

function row(workload: WorkloadResult, columns: typeof COLUMNS): string[] {
	const find = (name: string) => workload.measurements.find(({ contender }) => contender === name);
	const judged = JUDGED.map(find).find((one) => one !== undefined);
	const cells = columns.map(([name]) => {
		const found = find(name);
		return found === undefined ? '' : amount(found.value.median);
	});
	return [`${workload.title} (${workload.unit})`, ...cells, verdict(workload, judged)];
}

function footnote({ machine, versions, settings, mode }: Results): string {
	const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
	return (
		`One worker each on a processor of its own, work per second of the proxy's CPU time, medians of ${settings.rounds} ` +
		`alternating windows of ${settings.windowMs / 1_000} s (${mode} run); p99 is judged beside the worse of the two. Sluice has geo ` +
		`routing, an access list of 100 networks, a backend cap and its counters on; the others have no policy. ${machine.cpu}, ` +
		`${machine.cores} cores, Linux ${machine.linux}; ${programs.join(', ')}.`
	);
}

/** The README with the table in its place. Throws when a marker is missing. */
export function withTable(readme: string, table: string): string {
	const begin = readme.indexOf(TABLE_BEGIN);
	const end = readme.indexOf(TABLE_END);
	if (begin < 0 || end < begin) throw new Error(`the README has no ${TABLE_BEGIN} before a ${TABLE_END}`);
	return `${readme.slice(0, begin + TABLE_BEGIN.length)}\n\n${table}\n\n${readme.slice(end)}`;
}
