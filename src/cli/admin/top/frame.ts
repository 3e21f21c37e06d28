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
const HELP = 'q quit  tab view  j/k move  s sort  f filter  d drain  e enable  K kill';

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
	const body = bodyLines(table, state, fits);
	const lines = [...header, tabsLine(table, state, seen), ...body, lastLine(state)];
	return lines.slice(0, Math.max(1, size.rows)).map((one) => cut(one, size.columns));
}

export function headerLines({ status, regions }: Seen, track: Track, lost: string | null, { columns }: Size): Line[] {
	const { version, engine, workers, uptimeMs, phase, throttledShare, traffic } = status;
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
	const regional = regions.map(({ name, active, maxConnections }) => `${name} ${ofCap(active, maxConnections)}`);
	return [
		lost === null ? line(span(now, 'bold')) : line(span(`no answer: ${lost}`, 'bad')),
		line(span(sessions.join('   '))),
		line(...throughput),
		...(regional.length === 0 ? [] : [line(span(`regions: ${regional.join(', ')}`))]),
	];
}

function tabsLine({ sort }: Table, { view, filter, typing }: Steering, { more }: Seen): Line {
	const tabs = VIEWS.map((name) => (name === view ? span(`[${name}] `, 'bold') : span(` ${name}  `, 'soft')));
	const filtered = typing ? `  filter: ${filter}_` : filter === '' ? '' : `  filter: ${filter}`;
	return line(...tabs, span(` sort: ${sort}${filtered}${more ? '  (the first ones of many)' : ''}`));
}

function bodyLines(table: Table, { selected }: Steering, fits: number): Line[] {
	const [heads = line(), ...rows] = tableLines(table);
	const at = selectedAt(table, selected);
	const first = Math.max(0, Math.min(at - Math.floor(fits / 2), rows.length - fits));
	const shown = rows.slice(first, first + fits).map((row, place) => ({ ...row, selected: first + place === at }));
	return [heads, ...(shown.length === 0 ? [line(span('none', 'soft'))] : shown)];
}

/** The heads and every row, in columns of one width each. Headings run over all columns. */
export function tableLines({ heads, rows }: Table): Line[] {
	const widths = heads.map((head) => head.length);
	for (const { key, cells } of rows) {
		if (key === null) continue;
		cells.forEach(({ text }, at) => {
			widths[at] = Math.max(widths[at] ?? 0, text.length);
		});
	}
	const padded = (cells: Row['cells']): Span[] =>
		cells.map(({ text, tone }, at) => span(at === cells.length - 1 ? text : text.padEnd((widths[at] ?? 0) + 2), tone));
	return [
		line(...padded(heads.map((head) => span(head, 'soft')))),
		...rows.map(({ cells }) => line(...(cells.length === 1 ? cells : padded(cells)))),
	];
}

function lastLine({ question, notice, typing }: Steering): Line {
	if (question !== null) return line(span(`${orderText(question)}? y/n`, 'warn'));
	if (typing) return line(span('type what a row must have; enter keeps it, esc drops it', 'soft'));
	if (notice !== null) return line(span(notice.text, notice.good ? 'good' : 'bad'));
	return line(span(HELP, 'soft'));
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
