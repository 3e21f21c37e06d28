import type { Results, WorkloadResult } from './results.ts';
import { amount } from './table.ts';

const WIDTH = 900;
const LABEL_WIDTH = 130;
const VALUE_WIDTH = 90;
const BAR_HEIGHT = 16;
const BAR_STEP = 20;
const TITLE_HEIGHT = 34;
const FOOT_HEIGHT = 30;
const COLOURS: readonly (readonly [prefix: string, colour: string])[] = [
	['sluice-epoll', '#0b6e4f'],
	['sluice-node', '#6bbf59'],
	['haproxy', '#3066be'],
	['nginx', '#9a6fb0'],
];
const OTHER_COLOUR = '#999999';

/** One bar for each contender with one worker, a group for each workload, as an SVG picture. */
export function chart(results: Results): string {
	const parts: string[] = [];
	let y = 10;
	for (const workload of results.workloads) {
		if (workload.feature !== null || !workload.measurements.some((one) => one.workers === 1)) continue;
		const drawn = group(workload, y);
		parts.push(drawn.svg);
		y = drawn.endY;
	}
	const { machine, mode } = results;
	const foot = `${machine.cpu}, ${machine.cores} cores, Linux ${machine.linux}, one worker each, medians, ${mode} run`;
	parts.push(text(10, y + FOOT_HEIGHT / 2, foot, 'fill="#666"'));
	const height = y + FOOT_HEIGHT;
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
		`<title>Sluice beside HAProxy, nginx and a plain pipe of Node</title>`,
		`<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
		...parts,
		'</svg>\n',
	].join('\n');
}

function group(workload: WorkloadResult, startY: number): { readonly svg: string; readonly endY: number } {
	const bars = workload.measurements.filter((one) => one.workers === 1);
	const largest = Math.max(...bars.map((one) => one.value.max), Number.EPSILON);
	const scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / largest;
	const better = workload.metric === 'work' ? 'more is better' : 'less is better';
	const parts = [text(10, startY + 18, `${workload.title}: ${workload.unit} (${better})`, 'font-weight="bold"')];
	bars.forEach(({ contender, value }, i) => {
		const y = startY + TITLE_HEIGHT - 6 + i * BAR_STEP;
		const width = value.median * scale;
		const middle = y + BAR_HEIGHT / 2;
		parts.push(
			text(LABEL_WIDTH - 8, y + 12, contender, 'text-anchor="end"'),
			`<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${colourOf(contender)}"/>`,
			`<path d="M${(LABEL_WIDTH + value.min * scale).toFixed(1)} ${middle}H${(LABEL_WIDTH + value.max * scale).toFixed(1)}" stroke="#222222"/>`,
			text(LABEL_WIDTH + value.max * scale + 8, y + 12, amount(value.median), ''),
		);
	});
	return { svg: parts.join('\n'), endY: startY + TITLE_HEIGHT + bars.length * BAR_STEP + 6 };
}

const colourOf = (contender: string): string =>
	COLOURS.find(([prefix]) => contender.startsWith(prefix))?.[1] ?? OTHER_COLOUR;

function text(x: number, y: number, content: string, attributes: string): string {
	const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
	return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${safe}</text>`;
}
