/** @import { HistoryView, PoolView, StatusView } from '../views.ts' */
import { past, reasonOf, serverNow } from './api.js';
import { charts, valuesOf } from './charts.js';
import { byId, element, setText } from './element.js';
import { Trail } from './trail.js';

const VALUES = 5;
const PROCESS = 'process';

const drawn = charts();
/** By the names of series. @type {Map<string, Trail>} */
const trails = new Map([[PROCESS, new Trail()]]);
const subject = byId('subject', HTMLSelectElement);
const range = byId('range', HTMLFieldSetElement);

/** Seconds that are shown. */
export const shownSeconds = () => Number(range.querySelector('input:checked')?.getAttribute('value') ?? 300);

/** What is now goes on with the lines of everything. @param {StatusView} status @param {readonly PoolView[]} pools */
export function noteNow(status, pools) {
	const now = serverNow() / 1000;
	offer(pools.map(({ name }) => name));
	trailOf(PROCESS).add(now, liveValues(status));
	for (const pool of pools) trailOf(`pool ${pool.name}`).add(now, liveValues(pool));
	show();
}

/** @param {Pick<StatusView, 'active' | 'queued' | 'sessionsPerSecond' | 'traffic'>} seen */
const liveValues = ({ active, queued, sessionsPerSecond, traffic }) =>
	valuesOf({ active, queued, endedPerSecond: sessionsPerSecond, ...traffic });

/** Asks for what was before, of what is shown. */
export async function recall() {
	const [series, seconds] = [subject.value || PROCESS, shownSeconds()];
	const note = byId('past', HTMLParagraphElement);
	try {
		const view = await past(series, seconds);
		const points = view.points.map((point) => ({ time: Date.parse(point.time) / 1000, values: valuesOf(point) }));
		trailOf(series).fill(seconds, points, view.stepMs / 1000);
		show();
		note.replaceChildren(...pastText(view));
	} catch (error) {
		setText(note, `What was before is not known: ${reasonOf(error)}`);
	}
}

/** @param {HistoryView} view @returns {(Node | string)[]} */
function pastText({ kept, fault, points }) {
	if (fault !== null) return ['History is not kept now: ', fault];
	if (kept) return ['History is on: 24 hours are kept.'];
	const begin = points.length === 0 ? 'begin with this page' : 'go back to the start of this process';
	return [`History is off: the charts ${begin}. `, element('code', {}, 'history: FILE'), ' keeps 24 hours.'];
}

/** Another theme, other colours. */
export function redraw() {
	drawn.throughput.draw();
	drawn.connections.draw();
}

function show() {
	const [now, seconds] = [serverNow() / 1000, shownSeconds()];
	const { times, series } = trailOf(subject.value || PROCESS).drawn(seconds, VALUES);
	drawn.throughput.show({ times, series: series.slice(0, 2) }, now, seconds);
	drawn.connections.show({ times, series: series.slice(2) }, now, seconds);
}

/** @param {string} series */
function trailOf(series) {
	const trail = trails.get(series) ?? new Trail();
	trails.set(series, trail);
	return trail;
}

/** What may be chosen: the process and each pool; those that went are forgotten. @param {readonly string[]} pools */
function offer(pools) {
	const series = [PROCESS, ...pools.map((name) => `pool ${name}`)];
	if (series.join('\n') === [...subject.options].map(({ value }) => value).join('\n')) return;
	const chosen = subject.value;
	subject.replaceChildren(
		...series.map((value) => element('option', { value }, value === PROCESS ? 'everything' : value)),
	);
	if (series.includes(chosen)) subject.value = chosen;
	for (const name of trails.keys()) if (!series.includes(name)) trails.delete(name);
}

for (const control of [subject, range])
	control.addEventListener('change', () => {
		show();
		void recall();
	});
