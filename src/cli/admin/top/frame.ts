import type { AlertView } from '../../../control/admin/views.ts';
import { ageText, bandwidthText, ofCap, rateText } from '../words.ts';
import { orderText, type Steering, selectedAt } from './keys.ts';
import { type Seen, VIEWS } from './look.ts';
import type { Row, Span, Table, Tone } from './tables.ts';
import { sparkline, type Track } from './track.ts';

/** A line of the screen. */
export interface Line {
	readonly spans: readonly Span[];
	readonly selected: boolean;
}

export interface Size {
	readonly columns: number;
	readonly rows: number;
}

/** The tabs, the heads of the table and the last line stand on every screen, and so many rows of the table. */
const ALWAYS = 3;
const FEWEST_ROWS = 3;
const LONGEST_SPARKLINE = 30;
/** Spaces between columns. */
const GAP = 2;
/** The keys; the first that has room. */
const HELPS = [
	'q quit  tab view  j/k move  s sort  f filter  d drain  e enable  K kill',
	'q quit  tab view  s sort  f filter  d drain  K kill',
	'q quit  tab view  f filter  d drain',
	'q quit  tab view',
];

const line = (...spans: readonly Span[]): Line => ({ spans, selected: false });
const span = (text: string, tone: Tone = 'plain'): Span => ({ text, tone });

/** All that the screen shows, at most `size.rows` lines; on a small one the lines above the table go first. */
export function frame(
	seen: Seen,
	track: Track,
	table: Table,
	state: Steering,
	lost: string | null,
	size: Size,
): Line[] {
	const room = Math.max(1, size.rows - ALWAYS - FEWEST_ROWS);
	const header = headerLines(seen, track, lost, size).slice(0, room);
	const fits = Math.max(1, size.rows - ALWAYS - header.length);
	const body = bodyLines(table, state, fits, size.columns);
	const lines = [...header, tabsLine(table, state, seen), ...body, lastLine(state, size)];
	const shown = lines.slice(0, Math.max(1, size.rows)).map((one) => cut(one, size.columns));
	return lost === null ? shown : shown.map((one, at) => (at === 0 ? one : faded(one)));
}

/** What it shows is of an earlier time. */
const faded = ({ spans, selected }: Line): Line => ({ spans: spans.map(({ text }) => span(text, 'soft')), selected });

export function headerLines(seen: Seen, track: Track, lost: string | null, { columns }: Size): Line[] {
	const { version, engine, workers, uptimeMs, phase, throttledShare, traffic, ...status } = seen.status;
	const now = `sluice ${version}, engine ${engine}, ${workers} workers, up ${ageText(uptimeMs)}, ${phase}`;
	const share = throttledShare === null ? '-' : `${Math.round(throttledShare * 100)} %`;
	const sessions = [
		`sessions ${ofCap(status.active, status.maxConnections)}`,
		`new ${track.newPerSecond === null ? '-' : rateText(track.newPerSecond)}`,
		`ended ${rateText(status.sessionsPerSecond)}`,
		`queued ${status.queued}`,
		`throttled ${share}`,
	];
	const bars = Math.min(LONGEST_SPARKLINE, Math.floor((columns - 40) / 2));
	const throughput = [
		span(`up ${bandwidthText(traffic.uploadBytesPerSecond).padEnd(12)}`),
		span(sparkline(track.upload, bars), 'good'),
		span(`   down ${bandwidthText(traffic.downloadBytesPerSecond).padEnd(12)}`),
		span(sparkline(track.download, bars), 'good'),
	];
	const regional = seen.regions.map(({ name, active, maxConnections }) => `${name} ${ofCap(active, maxConnections)}`);
	return [
		lost === null ? line(span(now, 'bold')) : line(span(`no answer: ${lost}`, 'bad')),
		...alertLines(seen.alerts),
		...flowed(sessions, columns).map((text) => line(span(text))),
		line(...throughput),
		...(regional.length === 0 ? [] : [line(span(`regions: ${regional.join(', ')}`))]),
	];
}

/** Those that are to be looked at alone. */
function alertLines(alerts: readonly AlertView[]): Line[] {
	const named = (state: AlertView['state']): string =>
		alerts.flatMap((alert) => (alert.state === state ? [alert.name] : [])).join(', ');
	const [firing, pending] = [named('firing'), named('pending')];
	const parts = [
		...(firing === '' ? [] : [span(`firing: ${firing}`, 'bad')]),
		...(pending === '' ? [] : [span(`${firing === '' ? '' : '   '}pending: ${pending}`, 'warn')]),
	];
	return parts.length === 0 ? [] : [line(...parts)];
}

/** Beside each other as long as there is room. */
function flowed(parts: readonly string[], columns: number): string[] {
	const lines: string[] = [];
	for (const part of parts) {
		const longer = `${lines.at(-1)}   ${part}`;
		if (lines.length > 0 && longer.length <= columns) lines[lines.length - 1] = longer;
		else lines.push(part);
	}
	return lines;
}

function tabsLine({ sort }: Table, { view, filter, typing }: Steering, { more }: Seen): Line {
	const tabs = VIEWS.map((name) => (name === view ? span(`[${name}] `, 'bold') : span(` ${name}  `, 'soft')));
	const filtered = typing ? `  filter: ${filter}_` : filter === '' ? '' : `  filter: ${filter}`;
	return line(...tabs, span(` sort: ${sort}${filtered}${more ? '  (the first ones of many)' : ''}`));
}

function bodyLines(table: Table, { selected }: Steering, fits: number, columns: number): Line[] {
	const [heads = line(), ...rows] = tableLines(table, columns);
	const at = selectedAt(table, selected);
	const first = Math.max(0, Math.min(at - Math.floor(fits / 2), rows.length - fits));
	const shown = rows.slice(first, first + fits).map((row, place) => (first + place === at ? marked(row) : row));
	return [heads, ...(shown.length === 0 ? [line(span('none', 'soft'))] : shown)];
}

/** In no colours: turned over they would be those of the ground. */
const marked = ({ spans }: Line): Line => ({ spans: spans.map(({ text }) => span(text)), selected: true });

/** The heads and every row, in columns of one width each. Headings run over all columns; what has no room goes. */
export function tableLines(table: Table, columns = Number.POSITIVE_INFINITY): Line[] {
	const widths = widthsOf(table);
	const kept = keptColumns(table, widths, columns);
	const padded = (cells: Row['cells']): Span[] =>
		kept.map((at) => {
			const { text, tone } = cells[at] ?? span('');
			return span(at === kept.at(-1) ? text : text.padEnd((widths[at] ?? 0) + GAP), tone);
		});
	return [
		line(...padded(table.heads.map((head) => span(head, 'soft')))),
		...table.rows.map(({ cells }) => line(...(cells.length === 1 ? cells : padded(cells)))),
	];
}

function widthsOf({ heads, rows }: Table): number[] {
	const widths = heads.map((head) => head.length);
	for (const { key, cells } of rows) {
		if (key === null) continue;
		cells.forEach(({ text }, at) => {
			widths[at] = Math.max(widths[at] ?? 0, text.length);
		});
	}
	return widths;
}

/** Places of the columns that fit; the last one may be cut down to its heading. */
function keptColumns({ heads, dispensable }: Table, widths: readonly number[], columns: number): number[] {
	const kept = heads.map((_, at) => at);
	const needed = (): number =>
		kept.reduce((sum, at) => sum + ((at === heads.length - 1 ? heads[at]?.length : widths[at]) ?? 0) + GAP, -GAP);
	for (const at of dispensable) {
		if (needed() <= columns) break;
		kept.splice(kept.indexOf(at), 1);
	}
	return kept;
}

function lastLine({ question, notice, typing }: Steering, { columns }: Size): Line {
	if (question !== null) return line(span(`${orderText(question)}? y/n`, 'warn'));
	if (typing) return line(span('type what a row must have; enter keeps it, esc drops it', 'soft'));
	if (notice !== null) return line(span(notice.text, notice.good ? 'good' : 'bad'));
	return line(span(HELPS.find((help) => help.length <= columns) ?? HELPS.at(-1) ?? '', 'soft'));
}

/** Not wider than the screen, and without what would steer the terminal. */
function cut({ spans, selected }: Line, columns: number): Line {
	let left = columns;
	const kept: Span[] = [];
	for (const { text, tone } of spans) {
		const part = text.replaceAll(/\p{Cc}/gu, '?').slice(0, Math.max(0, left));
		left -= part.length;
		if (part !== '') kept.push({ text: part, tone });
	}
	return { spans: kept, selected };
}

export const textOf = ({ spans }: Line): string =>
	spans
		.map(({ text }) => text)
		.join('')
		.trimEnd();
