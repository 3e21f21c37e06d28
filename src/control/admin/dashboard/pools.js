/** @import { BackendView, EventView, PoolView } from '../views.ts' */
import { actions } from './actions.js';
import { serverNow } from './api.js';
import { bar, byId, element, loadKind } from './element.js';
import { conditions, drawStrip, strip } from './timeline.js';
import { ageText, bandwidthText, clockText, ofCap } from './words.js';

const HEADS = {
	backend: 'Backend',
	health: 'Health',
	state: 'State',
	history: 'History',
	weight: 'Weight',
	sessions: 'Sessions',
	traffic: 'Up / down',
	error: 'Last error',
	change: 'Change',
};

/** @typedef {{ seconds: number, events: readonly EventView[], knownMs: number }} Past */

/**
 * The tables of pools. Rows stay while the same backends are there: what has the focus keeps it.
 * @param {readonly PoolView[]} pools
 * @param {Past} past what the strips show
 */
export function showPools(pools, past) {
	const place = byId('pool-tables', HTMLDivElement);
	const shape = JSON.stringify(pools.map(({ name, backends }) => [name, ...backends.map((backend) => backend.name)]));
	if (place.dataset.shape !== shape) {
		place.dataset.shape = shape;
		place.replaceChildren(...pools.map(poolTable));
	}
	pools.forEach((pool, at) => {
		updatePool(/** @type {HTMLElement} */ (place.children[at]), pool, past);
	});
}

/** @param {PoolView} pool */
function poolTable(pool) {
	const rows = pool.backends.map((backend) =>
		element(
			'tr',
			{ 'data-backend': backend.name },
			...Object.entries(HEADS).map(([cell, label]) => element('td', { 'data-cell': cell, 'data-label': label })),
		),
	);
	rows.forEach((row, at) => {
		const backend = pool.backends[at];
		cellOf(row, 'history')?.append(strip());
		if (backend !== undefined) cellOf(row, 'change')?.append(actions(backend));
	});
	const heads = Object.entries(HEADS).map(([cell, label]) => element('th', { scope: 'col', 'data-cell': cell }, label));
	return element(
		'article',
		{ class: 'card pool', 'data-pool': pool.name },
		element('h3', {}, pool.name),
		element('p', { class: 'facts' }),
		element('table', {}, element('thead', {}, element('tr', {}, ...heads)), element('tbody', {}, ...rows)),
	);
}

/** @param {Element} row @param {keyof typeof HEADS} cell */
const cellOf = (row, cell) => row.querySelector(`[data-cell=${cell}]`);

/** @param {HTMLElement} table @param {PoolView} pool @param {Past} past */
function updatePool(table, pool, past) {
	table.querySelector('.facts')?.replaceChildren(...poolFacts(pool));
	const rows = table.querySelectorAll('tbody tr');
	pool.backends.forEach((backend, at) => {
		const row = rows[at];
		if (row !== undefined) updateRow(row, backend, past);
	});
}

/** @param {PoolView} pool */
function poolFacts({ balance, healthy, backends, active, capacity, queued, queueSize, traffic, changed }) {
	const ill = healthy === 0 ? 'down' : healthy < backends.length ? 'wait' : 'up';
	return [
		element('span', {}, balance),
		element('span', { class: ill }, `${healthy} of ${backends.length} healthy`),
		element(
			'span',
			{},
			...(capacity === null ? [] : [bar(active / capacity, loadKind(active / capacity))]),
			`${ofCap(active, capacity)} sessions`,
		),
		...(queueSize === null
			? []
			: [element('span', { class: queued > 0 ? 'wait' : '' }, `${queued} of ${queueSize} queued`)]),
		element('span', {}, `↑ ${bandwidthText(traffic.uploadBytesPerSecond)}`),
		element('span', {}, `↓ ${bandwidthText(traffic.downloadBytesPerSecond)}`),
		...(changed.length === 0 ? [] : [element('span', { class: 'wait' }, `changed: ${changed.join(', ')}`)]),
	];
}

/** @param {Element} row @param {BackendView} backend @param {Past} past */
function updateRow(row, backend, past) {
	const { name, address, weight, backup, active, maxConnections, traffic, changed } = backend;
	const tags = [...(backup ? ['backup'] : []), ...changed.map((what) => `${what} changed`)];
	const told = [...(address === name ? [] : [address]), ...(tags.length === 0 ? [] : [tags.join(', ')])];
	fill(row, 'backend', [element('b', {}, name), ...told.map((text) => element('small', {}, text))]);
	const health = backend.ejected ? 'ejected' : backend.health;
	const lasted = backend.healthForMs === null ? '' : ` for ${ageText(backend.healthForMs)}`;
	fill(row, 'health', [element('span', { class: `mark ${health}` }, health), element('small', {}, lasted)]);
	fill(row, 'state', [element('span', { class: backend.state }, backend.state)]);
	fill(row, 'weight', [String(weight)]);
	fill(row, 'sessions', [
		...(maxConnections === null ? [] : [bar(active / maxConnections, loadKind(active / maxConnections))]),
		ofCap(active, maxConnections),
	]);
	fill(row, 'traffic', [
		element('span', {}, `↑ ${bandwidthText(traffic.uploadBytesPerSecond)}`),
		' ',
		element('span', {}, `↓ ${bandwidthText(traffic.downloadBytesPerSecond)}`),
	]);
	fill(row, 'error', errorCell(backend));
	showHistory(row, backend, past);
	for (const button of row.querySelectorAll('button[data-order]'))
		if (button instanceof HTMLButtonElement) button.disabled = isDone(button.dataset.order, backend);
}

/** @param {string | undefined} order @param {BackendView} backend */
const isDone = (order, { state }) =>
	(order === 'enable' && state === 'enabled') || (order === 'drain' && state === 'draining');

/** What stays the same stays in place: a text that is marked, a title that is read. @param {Element} row @param {keyof typeof HEADS} cell @param {(Node | string)[]} parts */
function fill(row, cell, parts) {
	const place = cellOf(row, cell);
	const made = element('div', {}, ...parts);
	if (place === null || place.firstElementChild?.outerHTML === made.outerHTML) return;
	place.replaceChildren(made);
}

/** @param {BackendView} backend */
function errorCell({ lastError }) {
	if (lastError === null) return [element('span', { class: 'soft nothing' }, '–')];
	const title = `${lastError.time}: ${lastError.reason}`;
	return [element('span', { title }, lastError.reason, ' ', element('small', {}, clockText(lastError.time)))];
}

/** @param {Element} row @param {BackendView} backend @param {Past} past */
function showHistory(row, backend, { seconds, events, knownMs }) {
	const drawn = row.querySelector('.strip');
	if (!(drawn instanceof SVGSVGElement)) return;
	const toMs = serverNow();
	const fromMs = toMs - seconds * 1000;
	const known = conditions(backend, events, fromMs, knownMs);
	drawStrip(drawn, known, fromMs, toMs);
	const told = known.map(
		({ timeMs, condition }) => `${clockText(Math.max(timeMs, fromMs))} ${condition.health}, ${condition.state}`,
	);
	const label = `Since ${told.slice(-8).join('; ')}`;
	if (drawn.getAttribute('aria-label') !== label) drawn.setAttribute('aria-label', label);
}
