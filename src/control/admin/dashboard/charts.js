import { byId, element, setText } from './element.js';
import { bitsText, numberText, shortBits } from './words.js';

const HEIGHT = 200;
const LEAST_WIDTH = 200;
/** Of the range that a chart shows at least, so that a short past is not a mere edge of it. */
const LEAST_SHARE = 0.2;

/** The texts of the left and the right axis; `least`: where the left one ends at least. @typedef {{ least: number, y: (value: number) => string, rate: ((value: number) => string) | null }} Axes */
/** @typedef {{ label: string, colour: string, scale: 'y' | 'rate', fill: boolean, text: (value: number) => string }} Line */

/**
 * What a colour of the style sheet is now; a canvas understands neither variables nor `light-dark()`.
 * @param {string} name
 */
function colour(name) {
	const probe = document.createElement('span');
	probe.style.color = `var(${name})`;
	document.body.append(probe);
	const { color } = getComputedStyle(probe);
	probe.remove();
	return color;
}

/** The same colour, seen through. @param {string} rgb */
const faint = (rgb) => rgb.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.13)');

/** @param {boolean} seconds */
const clock = (seconds) => {
	const format = new Intl.DateTimeFormat(undefined, {
		hour: '2-digit',
		minute: '2-digit',
		...(seconds ? { second: '2-digit' } : {}),
		hourCycle: 'h23',
	});
	return (/** @type {number} */ time) => format.format(time * 1000);
};

const MINUTES = clock(false);
const SECONDS = clock(true);

/**
 * A line chart, drawn anew when the theme changes. Its key has the newest values, or those under the mouse.
 * @param {string} id
 * @param {readonly Line[]} lines
 * @param {Axes} axes
 */
export function chart(id, lines, axes) {
	const place = byId(id, HTMLDivElement);
	const key = place.parentElement?.querySelector('.key');
	const values = lines.map(() => element('b', {}, '–'));
	const when = element('time', {});
	key?.replaceChildren(
		...lines.flatMap(({ label, colour: name }, at) => [
			element('span', { class: `line ${name.slice(2)}` }, label, ' ', values[at] ?? ''),
			' ',
		]),
		when,
	);
	/** @type {(number | null)[][]} */
	let data = [[], ...lines.map(() => [])];
	let from = 0;
	let to = 1;
	/** @type {any} */
	let plot = null;

	const tell = () => {
		const at = plot?.cursor.idx ?? null;
		const shown = at ?? data[0]?.length ?? 0;
		lines.forEach(({ text }, line) => {
			const value = data[line + 1]?.[at === null ? shown - 1 : shown];
			setText(values[line], value === null || value === undefined ? '–' : text(value));
		});
		const time = at === null ? null : data[0]?.[at];
		setText(when, time === null || time === undefined ? '' : SECONDS(time));
	};

	const draw = () => {
		plot?.destroy();
		place.replaceChildren();
		const { uPlot } = /** @type {any} */ (globalThis);
		plot = new uPlot(
			optionsOf(lines, axes, place.clientWidth, () => [from, to], tell),
			data,
			place,
		);
	};

	new ResizeObserver(() => plot?.setSize({ width: Math.max(LEAST_WIDTH, place.clientWidth), height: HEIGHT })).observe(
		place,
	);
	draw();
	return {
		draw,
		/**
		 * @param {import('./trail.js').Drawn} drawn
		 * @param {number} now seconds since 1970
		 * @param {number} seconds of the range
		 */
		show({ times, series }, now, seconds) {
			data = [times, ...series];
			to = now;
			from = Math.max(now - seconds, Math.min(times[0] ?? now, now - seconds * LEAST_SHARE));
			plot.setData(data);
			tell();
			place.setAttribute('aria-label', spoken(lines, series, seconds));
		},
	};
}

/** What somebody is told who does not see it. @param {readonly Line[]} lines @param {readonly (readonly (number | null)[])[]} series @param {number} seconds */
function spoken(lines, series, seconds) {
	const told = lines.map(({ label, text }, at) => {
		const known = (series[at] ?? []).filter((value) => value !== null);
		return known.length === 0
			? `${label} not known`
			: `${label} ${text(known.at(-1) ?? 0)}, at most ${text(Math.max(...known))}`;
	});
	return `${told.join('; ')}. Over ${seconds / 60} minutes.`;
}

/**
 * @param {readonly Line[]} lines
 * @param {Axes} axes
 * @param {number} width
 * @param {() => [number, number]} span
 * @param {() => void} moved
 */
function optionsOf(lines, axes, width, span, moved) {
	const soft = colour('--soft');
	const grid = { stroke: colour('--line'), width: 1 };
	const font = '12px system-ui, sans-serif';
	const common = { stroke: soft, font, ticks: { show: false } };
	/** @type {(least: number) => (plot: unknown, low: number, high: number) => [number, number]} */
	const fromZero = (least) => (_plot, _low, high) => [0, Math.max(high * 1.1, least)];
	/** @param {(value: number) => string} text */
	const marks = (text) => (/** @type {unknown} */ _plot, /** @type {number[]} */ values) => values.map(text);
	const time = (/** @type {unknown} */ _plot, /** @type {number[]} */ times) =>
		times.map((times.at(1) ?? 0) - (times.at(0) ?? 0) < 60 ? SECONDS : MINUTES);
	return {
		width: Math.max(LEAST_WIDTH, width),
		height: HEIGHT,
		padding: [10, axes.rate === null ? 16 : 0, 0, 0],
		legend: { show: false },
		cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
		hooks: { setCursor: [moved] },
		scales: { x: { range: span }, y: { range: fromZero(axes.least) }, rate: { range: fromZero(1) } },
		axes: [
			{ ...common, grid: { show: false }, values: time, size: 28, space: 80 },
			{ ...common, grid, size: 78, values: marks(axes.y), space: 36 },
			...(axes.rate === null
				? []
				: [
						{ ...common, scale: 'rate', side: 1, grid: { show: false }, size: 50, values: marks(axes.rate), space: 36 },
					]),
		],
		series: [
			{},
			...lines.map((line) => ({
				scale: line.scale,
				stroke: colour(line.colour),
				...(line.fill ? { fill: faint(colour(line.colour)) } : {}),
				width: line.scale === 'rate' ? 1.25 : 2,
				points: { show: false },
			})),
		],
	};
}

const perSecond = (/** @type {number} */ value) => `${value.toFixed(value < 10 ? 1 : 0)}/s`;
const whole = (/** @type {number} */ value) => String(Math.round(value));

/** The two charts; values as `valuesOf` has them. */
export const charts = () => ({
	throughput: chart(
		'throughput',
		[
			{ label: 'download', colour: '--accent', scale: 'y', fill: true, text: bitsText },
			{ label: 'upload', colour: '--second', scale: 'y', fill: false, text: bitsText },
		],
		{ least: 1_000, y: shortBits, rate: null },
	),
	connections: chart(
		'connections',
		[
			{ label: 'active', colour: '--accent', scale: 'y', fill: true, text: whole },
			{ label: 'queued', colour: '--third', scale: 'y', fill: false, text: whole },
			{ label: 'ended', colour: '--second', scale: 'rate', fill: false, text: perSecond },
		],
		{ least: 4, y: numberText, rate: (value) => `${numberText(value)}/s` },
	),
});

/**
 * What the charts show of the process or a pool: download and upload in bits a second, active, queued, ended a second.
 * @param {{ active: number, queued: number, endedPerSecond: number, uploadBytesPerSecond: number, downloadBytesPerSecond: number }} seen
 */
export const valuesOf = ({ active, queued, endedPerSecond, uploadBytesPerSecond, downloadBytesPerSecond }) => [
	downloadBytesPerSecond * 8,
	uploadBytesPerSecond * 8,
	active,
	queued,
	endedPerSecond,
];
