import { byId } from './element.js';
import { bandwidthText } from './words.js';

/** Seconds that a chart shows. */
export const WINDOW = 300;

/** @typedef {{ times: number[], series: number[][] }} Points */

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

/**
 * A line chart of the last minutes, drawn anew when its size or the theme changes.
 * @param {string} id
 * @param {readonly { label: string, colour: string }[]} lines
 * @param {(value: number) => string} text
 */
export function liveChart(id, lines, text) {
	const place = byId(id, HTMLDivElement);
	/** @type {Points} */
	const points = { times: [], series: lines.map(() => []) };
	/** @type {any} */
	let plot = null;

	const draw = () => {
		plot?.destroy();
		const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 } };
		const { uPlot } = /** @type {any} */ (globalThis);
		plot = new uPlot(
			{
				width: Math.max(200, place.clientWidth),
				height: 190,
				scales: {
					y: {
						range: (/** @type {any} */ _plot, /** @type {number} */ _low, /** @type {number} */ high) => [
							0,
							Math.max(high * 1.1, 1),
						],
					},
				},
				axes: [
					axis,
					{ ...axis, size: 92, values: (/** @type {any} */ _plot, /** @type {number[]} */ marks) => marks.map(text) },
				],
				series: [
					{},
					...lines.map((line) => ({
						label: line.label,
						stroke: colour(line.colour),
						width: 2,
						value: (/** @type {any} */ _plot, /** @type {number | null} */ value) =>
							value === null ? '–' : text(value),
					})),
				],
			},
			[points.times, ...points.series],
			place,
		);
	};

	new ResizeObserver(() => plot?.setSize({ width: Math.max(200, place.clientWidth), height: 190 })).observe(place);
	draw();
	return {
		draw,
		/**
		 * Puts what was before the page was opened in front of what it has seen.
		 * @param {readonly number[]} times seconds since 1970, rising @param {readonly (readonly number[])[]} series
		 */
		begin(times, series) {
			const first = points.times[0] ?? Number.POSITIVE_INFINITY;
			const count = times.filter((time) => time < first).length;
			points.times.unshift(...times.slice(0, count));
			for (const [at, values] of series.entries()) points.series[at]?.unshift(...values.slice(0, count));
			plot.setData([points.times, ...points.series]);
		},
		/** @param {number} time seconds since 1970 @param {readonly number[]} values */
		add(time, values) {
			points.times.push(time);
			for (const [at, value] of values.entries()) points.series[at]?.push(value);
			while ((points.times[0] ?? time) < time - WINDOW) {
				points.times.shift();
				for (const series of points.series) series.shift();
			}
			plot.setData([points.times, ...points.series]);
		},
	};
}

export const charts = () => ({
	throughput: liveChart(
		'throughput',
		[
			{ label: 'upload', colour: '--second' },
			{ label: 'download', colour: '--accent' },
		],
		bandwidthText,
	),
	connections: liveChart(
		'connections',
		[
			{ label: 'active', colour: '--accent' },
			{ label: 'ended per second', colour: '--second' },
		],
		(value) => String(Math.round(value * 10) / 10),
	),
});
