/** @import { BackendView, PoolView } from '../views.ts' */
import { ask, backendPath } from './api.js';
import { byId, element } from './element.js';
import { bandwidthText, ofCap } from './words.js';

const HEADS = [
	'Backend',
	'Address',
	'Health',
	'State',
	'Weight',
	'Sessions',
	'Upload',
	'Download',
	'Last error',
	'Change',
];

/**
 * The tables of pools. A row that somebody is working in (a field has the focus) is left alone until they are done.
 * @param {readonly PoolView[]} pools
 * @param {(text: string, good: boolean) => void} tell
 */
export function showPools(pools, tell) {
	const place = byId('pool-tables', HTMLDivElement);
	const shape = pools.map(({ name, backends }) => [name, ...backends.map((backend) => backend.name)]);
	if (place.dataset.shape !== JSON.stringify(shape)) {
		place.dataset.shape = JSON.stringify(shape);
		place.replaceChildren(...pools.map((pool) => poolTable(pool, tell)));
	}
	pools.forEach((pool, at) => {
		updatePool(/** @type {HTMLElement} */ (place.children[at]), pool);
	});
}

/** @param {PoolView} pool @param {(text: string, good: boolean) => void} tell */
function poolTable(pool, tell) {
	const rows = pool.backends.map((backend) =>
		element(
			'tr',
			{ 'data-backend': backend.name },
			...HEADS.slice(0, -1).map((head) => element('td', head === 'Last error' ? { class: 'why' } : {})),
			element('td', {}, actions(backend, tell)),
		),
	);
	const heads = HEADS.map((head) => element('th', { scope: 'col' }, head));
	return element(
		'article',
		{ class: 'pool', 'data-pool': pool.name },
		element('h3', {}, pool.name, ' ', element('small')),
		element('table', {}, element('thead', {}, element('tr', {}, ...heads)), element('tbody', {}, ...rows)),
	);
}

/** @param {HTMLElement} table @param {PoolView} pool */
function updatePool(table, pool) {
	const queue = pool.queueSize === null ? '' : `, ${pool.queued} of ${pool.queueSize} queued`;
	const text = `${pool.balance}, ${pool.healthy} of ${pool.backends.length} healthy, ${ofCap(pool.active, pool.capacity)} sessions${queue}`;
	const small = table.querySelector('small');
	if (small !== null) small.textContent = text;
	const rows = table.querySelectorAll('tbody tr');
	pool.backends.forEach((backend, at) => {
		const row = rows[at];
		if (row !== undefined) updateRow(row, backend);
	});
}

/** @param {Element} row @param {BackendView} backend */
function updateRow(row, backend) {
	const cells = [...row.children];
	const health = backend.ejected ? 'ejected' : backend.health;
	const texts = [
		backend.name,
		backend.address,
		health,
		backend.state,
		String(backend.weight),
		'',
		bandwidthText(backend.traffic.uploadBytesPerSecond),
		bandwidthText(backend.traffic.downloadBytesPerSecond),
		backend.lastError?.reason ?? '–',
	];
	texts.forEach((text, at) => {
		const cell = cells[at];
		if (cell !== undefined && at !== 5 && cell.textContent !== text) cell.textContent = text;
	});
	cells[2]?.setAttribute('class', backend.health);
	cells[3]?.setAttribute('class', backend.state);
	cells[8]?.setAttribute(
		'title',
		backend.lastError === null ? '' : `${backend.lastError.time}: ${backend.lastError.reason}`,
	);
	cells[5]?.replaceChildren(...sessionsCell(backend));
	for (const button of row.querySelectorAll('button[data-order]')) {
		if (!(button instanceof HTMLButtonElement)) continue;
		const { order } = button.dataset;
		if (order === 'enable') button.disabled = backend.state === 'enabled';
		if (order === 'drain') button.disabled = backend.state === 'draining';
	}
}

/** @param {BackendView} backend */
function sessionsCell({ active, maxConnections }) {
	const text = ofCap(active, maxConnections);
	if (maxConnections === null) return [text];
	const bar = element('meter', { min: '0', max: String(maxConnections), value: String(active), 'aria-hidden': 'true' });
	return [bar, ` ${text}`];
}

/** @param {BackendView} backend @param {(text: string, good: boolean) => void} tell */
function actions(backend, tell) {
	const label = `${backend.pool}/${backend.name}`;
	/** @param {string} said @param {string} method @param {string} path @param {unknown} [body] */
	const order = (said, method, path, body) => {
		ask(method, backendPath(backend, path), body).then(
			() => tell(`${label} ${said}`, true),
			(error) => tell(`${label}: ${error.message}`, false),
		);
	};
	const weight = element('input', {
		type: 'number',
		min: '0',
		max: '256',
		'aria-label': `weight of ${label}`,
		placeholder: 'weight',
	});
	return element(
		'div',
		{ class: 'actions' },
		element(
			'button',
			{
				type: 'button',
				'data-order': 'drain',
				'aria-label': `drain ${label}`,
				click: () => order('drains', 'POST', 'drain'),
			},
			'Drain',
		),
		element(
			'button',
			{
				type: 'button',
				'data-order': 'enable',
				'aria-label': `enable ${label}`,
				click: () => order('is enabled', 'POST', 'enable'),
			},
			'Enable',
		),
		weight,
		element(
			'button',
			{
				type: 'button',
				'data-order': 'weight',
				'aria-label': `set the weight of ${label}`,
				click: () => {
					if (weight.value !== '')
						order(`has weight ${weight.value}`, 'PUT', 'weight', { weight: Number(weight.value) });
				},
			},
			'Set',
		),
	);
}
