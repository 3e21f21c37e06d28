import { existsSync, readFileSync } from 'node:fs';
import { markdownTable } from '../../src/control/config/markdown-table.ts';
import type { Results, WorkloadResult } from './results.ts';
import { amount, verdict } from './table.ts';

export const TABLE_BEGIN = '<!-- bench:begin (made by npm run bench:readme) -->';
export const TABLE_END = '<!-- bench:end -->';
type Columns = readonly (readonly [contender: string, heading: string])[];

const COLUMNS: Columns = [
	['haproxy-1', 'HAProxy'],
	['nginx-1', 'nginx'],
	['net-pipe', 'Node `net` pipe'],
	['sluice-node-1', 'Sluice, node engine'],
	['sluice-epoll-1', 'Sluice, epoll engine'],
];
const TLS_COLUMNS: Columns = [
	['haproxy-1', 'HAProxy'],
	['nginx-1', 'nginx'],
	['net-pipe', 'Node `tls` pipe'],
	['sluice-auto-1', 'Sluice'],
];
const JUDGED = ['sluice-epoll-1', 'sluice-node-1', 'sluice-auto-1'];

/** The committed results that the README shows: those of the full run, else of the quick one; null: none yet. */
export function committedResults(folder: URL): Results | null {
	return firstOf(['full.json', 'quick.json'], folder);
}

/** Those of TLS termination; null: none yet. */
export const committedTlsResults = (folder: URL): Results | null => firstOf(['tls.json'], folder);

function firstOf(names: readonly string[], folder: URL): Results | null {
	for (const name of names) {
		const file = new URL(name, folder);
		if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Results;
	}
	return null;
}

/** All that stands between the markers. */
export function readmeTables(results: Results | null, tls: Results | null): string {
	const first = readmeTable(results);
	return tls === null ? first : `${first}\n\n${tlsTable(tls)}`;
}

/** TLS termination, beside the others' own. */
export const tlsTable = (results: Results): string =>
	[tableOf(results, TLS_COLUMNS), '', tlsFootnote(results)].join('\n');

/** Plain TCP. */
export function readmeTable(results: Results | null): string {
	if (results === null) return 'No results yet: `npm run bench`.';
	return [tableOf(results, COLUMNS), '', footnote(results)].join('\n');
}

function tableOf({ workloads }: Results, all: Columns): string {
	const shown = workloads.filter(({ feature }) => feature === null);
	const columns = all.filter(([name]) =>
		shown.some((one) => one.measurements.some(({ contender }) => contender === name)),
	);
	const head = ['', ...columns.map(([, heading]) => heading), 'Sluice beside the better of HAProxy and nginx'];
	return markdownTable([head, ...shown.map((workload) => row(workload, columns))]);
}

function row(workload: WorkloadResult, columns: Columns): string[] {
	const find = (name: string) => workload.measurements.find(({ contender }) => contender === name);
	const judged = JUDGED.map(find).find((one) => one !== undefined);
	const cells = columns.map(([name]) => {
		const found = find(name);
		return found === undefined ? '' : amount(found.value.median);
	});
	return [`${workload.title} (${workload.unit})`, ...cells, verdict(workload, judged)];
}

function footnote(results: Results): string {
	const { settings, mode } = results;
	return (
		`One worker each on a processor of its own, work per second of the proxy's CPU time, medians of ${settings.rounds} ` +
		`alternating windows of ${settings.windowMs / 1_000} s (${mode} run); p99 is judged beside the worse of the two. Sluice has geo ` +
		`routing, an access list of 100 networks, a backend cap and its counters on; the others have no policy. ${surroundings(results)}`
	);
}

function tlsFootnote(results: Results): string {
	const { settings } = results;
	return (
		`TLS 1.3 with X25519 and AES-128-GCM, terminated by one worker each on a processor of its own, which speaks plain TCP to the backend: ` +
		`work per second of the proxy's CPU time, medians of ${settings.rounds} alternating windows of ${settings.windowMs / 1_000} s. ` +
		`A handshake comes with its connection, a message of 64 bytes there and back, and the end. ${surroundings(results)}`
	);
}

function surroundings({ machine, versions }: Results): string {
	const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
	return `${machine.cpu}, ${machine.cores} cores, Linux ${machine.linux}; ${programs.join(', ')}.`;
}

/** The README with the table in its place. Throws when a marker is missing. */
export function withTable(readme: string, table: string): string {
	const begin = readme.indexOf(TABLE_BEGIN);
	const end = readme.indexOf(TABLE_END);
	if (begin < 0 || end < begin) throw new Error(`the README has no ${TABLE_BEGIN} before a ${TABLE_END}`);
	return `${readme.slice(0, begin + TABLE_BEGIN.length)}\n\n${table}\n\n${readme.slice(end)}`;
}
