/** @import { BucketView, CountryView, EventView, ListenerView, StatusView } from '../views.ts' */
import { ask, look, past, token } from './api.js';
import { charts, WINDOW } from './charts.js';
import { byId, element } from './element.js';
import { showPools } from './pools.js';
import { ageText, bandwidthText, bytesText, ofCap } from './words.js';

const EVERY_MS = 1000;
const EVENTS_SHOWN = 200;
const COUNTRIES_SHOWN = 48;

const drawn = charts();
let lastEvent = 0;
/** Of the process that was seen last. */
let startedAt = '';

/** @param {string} text @param {boolean} good */
function tell(text, good) {
	const notice = byId('notice', HTMLParagraphElement);
	notice.textContent = text;
	notice.className = good ? 'good' : '';
	notice.hidden = text === '';
}

/** @param {StatusView} status */
function showStatus(status) {
	byId('summary', HTMLParagraphElement).textContent =
		`${status.version}, engine ${status.engine}, ${status.workers} workers, up ${ageText(status.uptimeMs)}, ${status.phase}`;
	const refused = Object.entries(status.outcomes).reduce(
		(sum, [outcome, count]) => (outcome === 'completed' ? sum : sum + (count ?? 0)),
		0,
	);
	const tiles = [
		['Sessions', ofCap(status.active, status.maxConnections)],
		['Ended per second', status.sessionsPerSecond.toFixed(1)],
		['Upload', bandwidthText(status.traffic.uploadBytesPerSecond)],
		['Download', bandwidthText(status.traffic.downloadBytesPerSecond)],
		['Relayed', bytesText(status.traffic.uploadBytes + status.traffic.downloadBytes)],
		['Queued', String(status.queued)],
		['Ended otherwise', `${refused} of ${status.sessions}`],
		['Changes at run time', String(status.changes)],
	];
	byId('tiles', HTMLDListElement).replaceChildren(
		...tiles.map(([name = '', value = '']) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
	);
	const now = Date.now() / 1000;
	drawn.throughput.add(now, [status.traffic.uploadBytesPerSecond, status.traffic.downloadBytesPerSecond]);
	drawn.connections.add(now, [status.active, status.sessionsPerSecond]);
}

/** @param {readonly CountryView[]} countries */
function showCountries(countries) {
	const most = countries[0]?.active ?? 1;
	const shown = countries
		.slice(0, COUNTRIES_SHOWN)
		.map(({ country, active }) =>
			element(
				'li',
				{ style: `--share: ${(active / most).toFixed(3)}` },
				element('b', {}, country ?? 'unknown'),
				String(active),
			),
		);
	byId('countries', HTMLOListElement).replaceChildren(
		...(shown.length === 0 ? [element('li', { class: 'none', style: '--share: 0' }, 'none')] : shown),
	);
}

/** @param {readonly BucketView[]} buckets */
function showBuckets(buckets) {
	const shown = buckets.map(({ place, direction, bytesPerSecond, burstBytes, levelBytes }) => {
		const waits = levelBytes < 0 ? `, ${bytesText(-levelBytes)} waited for` : '';
		return element(
			'li',
			{},
			element('span', {}, `${place}, ${direction} `, element('small', {}, `${bandwidthText(bytesPerSecond)}${waits}`)),
			element('meter', {
				min: '0',
				max: String(burstBytes),
				low: String(burstBytes / 5),
				value: String(Math.max(0, levelBytes)),
				'aria-label': `${place}, ${direction}: how full`,
			}),
		);
	});
	byId('buckets', HTMLUListElement).replaceChildren(
		...(shown.length === 0 ? [element('li', { class: 'none' }, 'none')] : shown),
	);
}

/**
 * A process that was started anew counts its events from one: they are asked for from the first with the next look.
 * @param {StatusView} status
 */
function noticeRestart(status) {
	if (startedAt !== '' && startedAt !== status.startedAt) {
		lastEvent = 0;
		byId('events', HTMLOListElement).replaceChildren();
	}
	startedAt = status.startedAt;
}

/** @param {readonly EventView[]} events */
function showEvents(events) {
	const list = byId('events', HTMLOListElement);
	for (const { number, time, level, msg, fields } of events) {
		lastEvent = Math.max(lastEvent, number);
		const rest = Object.entries(fields).flatMap(([name, value]) => (value === null ? [] : [`${name} ${value}`]));
		list.prepend(
			element(
				'li',
				{ class: level },
				element('time', { datetime: time }, new Date(time).toLocaleTimeString()),
				` ${[msg, ...rest].join(', ')}`,
			),
		);
	}
	while (list.children.length > EVENTS_SHOWN) list.lastElementChild?.remove();
}

/** @param {readonly ListenerView[]} listeners */
function showListeners(listeners) {
	const select = byId('explain-listener', HTMLSelectElement);
	const names = listeners.map(({ name }) => name);
	if (names.join('\n') === [...select.options].map(({ value }) => value).join('\n')) return;
	select.replaceChildren(...names.map((name) => element('option', { value: name }, name)));
}

async function refresh() {
	try {
		const seen = await look(lastEvent);
		showStatus(seen.status);
		showListeners(seen.listeners);
		showPools(seen.pools, tell);
		showCountries(seen.countries);
		showBuckets(seen.buckets);
		showEvents(seen.events);
		noticeRestart(seen.status);
		document.body.dataset.state = 'live';
	} catch (error) {
		document.body.dataset.state = 'lost';
		byId('summary', HTMLParagraphElement).textContent = `no answer: ${error instanceof Error ? error.message : error}`;
	}
}

/** What was before this page was opened; without a history the charts begin with now. */
async function recall() {
	const { points } = await past(WINDOW);
	const times = points.map(({ time }) => Date.parse(time) / 1000);
	drawn.throughput.begin(times, [
		points.map(({ uploadBytesPerSecond }) => uploadBytesPerSecond),
		points.map(({ downloadBytesPerSecond }) => downloadBytesPerSecond),
	]);
	drawn.connections.begin(times, [
		points.map(({ active }) => active),
		points.map(({ endedPerSecond }) => endedPerSecond),
	]);
}

/** One look at a time, and none while nobody sees the page. */
async function follow() {
	if (!document.hidden) await refresh();
	setTimeout(() => void follow(), EVERY_MS);
}

byId('token-form', HTMLFormElement).addEventListener('submit', (event) => {
	event.preventDefault();
	const field = byId('token', HTMLInputElement);
	token.set(field.value.trim());
	field.value = '';
	field.placeholder = token.get() === '' ? 'for changes' : 'in use';
	tell('', true);
	void refresh();
});

byId('explain-form', HTMLFormElement).addEventListener('submit', (event) => {
	event.preventDefault();
	void explain();
});

async function explain() {
	const output = byId('explanation', HTMLOutputElement);
	const query = new URLSearchParams({
		listener: byId('explain-listener', HTMLSelectElement).value,
		ip: byId('explain-ip', HTMLInputElement).value.trim(),
	});
	const sni = byId('explain-sni', HTMLInputElement).value.trim();
	const alpn = byId('explain-alpn', HTMLInputElement).value.trim();
	if (sni !== '') query.set('sni', sni);
	if (alpn !== '') query.set('alpn', alpn);
	try {
		const { clients } = await ask('GET', `explain?${query}`);
		output.textContent = clients.map(clientText).join('\n\n');
	} catch (error) {
		output.textContent = error instanceof Error ? error.message : String(error);
	}
}

/** @param {{ client: string, country: string | null, region: string | null, steps: { stage: string, text: string }[], outcome: string | null, pool: string | null, backend: string | null }} explained */
function clientText({ client, country, region, steps, outcome, pool, backend }) {
	const verdict =
		outcome === null
			? `pool ${pool}, ${backend === null ? 'in its queue' : `backend ${backend}`}`
			: `refused: ${outcome}`;
	return [
		`${client} (${country ?? 'country unknown'}, ${region === null ? 'no region' : `region ${region}`})`,
		...steps.map(({ stage, text }) => `  ${stage.padEnd(9)} ${text}`),
		`  => ${verdict}`,
	].join('\n');
}

byId('theme', HTMLButtonElement).addEventListener('click', (event) => {
	const dark = matchMedia('(prefers-color-scheme: dark)').matches;
	const { dataset } = document.documentElement;
	const next = (dataset.theme ?? (dark ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark';
	dataset.theme = next;
	if (event.currentTarget instanceof HTMLElement)
		event.currentTarget.setAttribute('aria-pressed', String(next === 'dark'));
	redraw();
});

/** The charts are drawn in colours, not by the style sheet. */
function redraw() {
	drawn.throughput.draw();
	drawn.connections.draw();
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);

if (token.get() !== '') byId('token', HTMLInputElement).placeholder = 'in use';
recall().catch(() => {});
void follow();
