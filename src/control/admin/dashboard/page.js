/** @import { StatusView } from '../views.ts' */
import { showAlerts } from './alerts.js';
import { look, Refusal, reasonOf, token } from './api.js';
import { showBuckets, showWaiting } from './buckets.js';
import { showCountries, showOutcomes, showRegions } from './countries.js';
import { byId, element, setText } from './element.js';
import { forgetEvents, knownEvents, lastEvent, showEvents } from './events.js';
import { offerListeners } from './explain.js';
import { tell } from './notice.js';
import { noteNow, recall, redraw, shownSeconds } from './past.js';
import { showPools } from './pools.js';
import { dropToken, hearToken } from './visitor.js';
import { ageText, bandwidthText, bytesText, clockText, ofCap } from './words.js';

const EVERY_MS = 1000;

/** Of the process that was seen last. */
let startedAt = '';
/** When the last answer came; 0: none yet. */
let answeredMs = 0;

/** @param {StatusView} status */
function showStatus(status) {
	const { version, engine, workers, phase, uptimeMs } = status;
	setText(
		byId('summary', HTMLParagraphElement),
		`${version} · engine ${engine} · ${workers} ${workers === 1 ? 'worker' : 'workers'} · up ${ageText(uptimeMs)} · ${phase}`,
	);
	const others = Object.entries(status.outcomes).filter(([outcome]) => outcome !== 'completed');
	const refused = others.reduce((sum, [, count]) => sum + (count ?? 0), 0);
	const told = others.map(([outcome, count]) => `${outcome} ${count}`).join(', ');
	/** @type {[name: string, value: string, more: string][]} */
	const tiles = [
		['Sessions', ofCap(status.active, status.maxConnections), `${status.sessionsPerSecond.toFixed(1)} ended/s`],
		[
			'Download',
			bandwidthText(status.traffic.downloadBytesPerSecond),
			`${bytesText(status.traffic.downloadBytes)} in all`,
		],
		['Upload', bandwidthText(status.traffic.uploadBytesPerSecond), `${bytesText(status.traffic.uploadBytes)} in all`],
		['Held back', status.throttledShare === null ? '–' : `${Math.round(status.throttledShare * 100)} %`, 'by buckets'],
		['Queued', String(status.queued), 'wait for a backend'],
		['Ended otherwise', `${refused} of ${status.sessions}`, told === '' ? 'all completed' : told],
		['Changes', String(status.changes), 'made at run time'],
	];
	byId('tiles', HTMLDListElement).replaceChildren(
		...tiles.map(([name, value, more]) =>
			element(
				'div',
				{ class: 'card' },
				element('dt', {}, name),
				element('dd', {}, value),
				element('dd', { class: 'more', title: more }, more),
			),
		),
	);
}

/** @param {StatusView} status */
function noticeRestart(status) {
	if (startedAt !== '' && startedAt !== status.startedAt) {
		forgetEvents();
		tell(`The balancer was started anew at ${clockText(status.startedAt)}.`, true);
	}
	startedAt = status.startedAt;
}

async function refresh() {
	try {
		const seen = await look(lastEvent());
		showStatus(seen.status);
		offerListeners(seen.listeners);
		noteNow(seen.status, seen.pools);
		showEvents(seen.events);
		noticeRestart(seen.status);
		showPools(seen.pools, { seconds: shownSeconds(), events: knownEvents(), knownMs: knownMs() });
		showCountries(seen.countries);
		showRegions(seen.regions);
		showOutcomes(seen.status);
		showBuckets(seen.buckets);
		const firing = showAlerts(seen.alerts);
		document.title = firing === 0 ? 'Sluice' : `(${firing} firing) Sluice`;
		showWaiting(seen.status, seen.waiting);
		answered();
	} catch (error) {
		unanswered(error);
	}
}

/** The oldest that the events tell of: all of a process, or the newest ones. */
function knownMs() {
	const [first] = knownEvents();
	return Date.parse(first === undefined || first.number === 1 ? startedAt : first.time);
}

function answered() {
	const { dataset } = document.body;
	const before = dataset.state;
	dataset.state = 'live';
	answeredMs = Date.now();
	setText(byId('live', HTMLParagraphElement), 'live');
	byId('lost', HTMLParagraphElement).hidden = true;
	if (before !== 'live') void recall();
}

/** What is shown stays, and it is said of when it is. @param {unknown} error */
function unanswered(error) {
	const status = error instanceof Refusal ? error.status : 0;
	if (status === 401 && token.get() !== '') {
		dropToken('The token is not known here any more.');
		return;
	}
	const locked = status === 401;
	document.body.dataset.state = locked ? 'locked' : 'lost';
	setText(byId('live', HTMLParagraphElement), locked ? 'locked' : 'no answer');
	const since = answeredMs === 0 ? '' : ` What is shown is of ${clockText(answeredMs)}.`;
	const lost = byId('lost', HTMLParagraphElement);
	setText(
		lost,
		locked
			? 'This balancer answers from here with a token alone: put it into the field above.'
			: `No answer from the balancer: ${reasonOf(error)}.${since} It is asked again each second.`,
	);
	lost.hidden = false;
}

/** One look at a time, and none while nobody sees the page. */
async function follow() {
	if (!document.hidden) await refresh();
	setTimeout(() => void follow(), EVERY_MS);
}

byId('theme', HTMLButtonElement).addEventListener('click', ({ currentTarget }) => {
	const dark = matchMedia('(prefers-color-scheme: dark)').matches;
	const { dataset } = document.documentElement;
	const next = (dataset.theme ?? (dark ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark';
	dataset.theme = next;
	if (currentTarget instanceof HTMLElement) currentTarget.setAttribute('aria-pressed', String(next === 'dark'));
	redraw();
});

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
/** What was not seen meanwhile may have been kept. */
document.addEventListener('visibilitychange', () => {
	if (!document.hidden) void recall();
});

hearToken(() => void refresh());
void follow();
