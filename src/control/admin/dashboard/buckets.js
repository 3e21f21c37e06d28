/** @import { BucketView, SessionView, StatusView } from '../views.ts' */
import { bar, byId, element, setText } from './element.js';
import { ageText, bandwidthText, bytesText } from './words.js';

/** The token buckets of places. @param {readonly BucketView[]} buckets */
export function showBuckets(buckets) {
	const list = byId('buckets', HTMLUListElement);
	list.replaceChildren(
		...(buckets.length === 0
			? [
					element(
						'li',
						{ class: 'empty' },
						'No listener, region, pool or backend is shaped. Buckets of single clients and sessions are not listed.',
					),
				]
			: buckets.map(bucketItem)),
	);
}

/** @param {BucketView} bucket */
function bucketItem({ place, direction, bytesPerSecond, burstBytes, levelBytes }) {
	const share = Math.max(0, levelBytes) / burstBytes;
	const waits = levelBytes < 0;
	const level = waits ? `empty, ${bytesText(-levelBytes)} promised` : `${Math.round(share * 100)} % full`;
	return element(
		'li',
		{ class: waits ? 'waits' : '' },
		element('span', {}, element('b', {}, place), ` ${direction} ${direction === 'upload' ? '↑' : '↓'}`),
		bar(share, waits ? 'bad' : share < 0.2 ? 'wait' : 'good'),
		element('span', { class: 'soft' }, `${bandwidthText(bytesPerSecond)}, ${level}`),
	);
}

/** Those that a bucket or a queue holds back. @param {StatusView} status @param {readonly SessionView[]} waiting */
export function showWaiting({ throttledShare, queued }, waiting) {
	const share = throttledShare ?? 0;
	const count = [
		...(share > 0 ? [`buckets hold back ${Math.max(1, Math.round(share * 100))} % of the sessions`] : []),
		...(queued > 0 ? [`${queued} in queues`] : []),
	].join(', ');
	setText(byId('waiting-count', HTMLElement), count);
	byId('waiting', HTMLUListElement).replaceChildren(
		...(waiting.length === 0 ? [element('li', { class: 'empty' }, 'Nobody just now.')] : waiting.map(waitingItem)),
	);
}

/** @param {SessionView} session */
function waitingItem({ client, country, listener, pool, backend, state, throttled, throttledMs, ageMs }) {
	const where = [listener, ...(pool === null ? [] : [backend === null ? pool : `${pool}/${backend}`])].join(' → ');
	const why = throttled ? `held back ${ageText(throttledMs)} in all` : `${state} for ${ageText(ageMs)}`;
	return element(
		'li',
		{},
		element('b', {}, client ?? 'a unix socket'),
		` ${country ?? ''} `,
		element('span', { class: 'soft' }, `${where}, ${why}`),
	);
}
