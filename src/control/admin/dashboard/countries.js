/** @import { CountryView, RegionView, StatusView } from '../views.ts' */
import { bar, byId, element, loadKind, withVariable } from './element.js';
import { ofCap } from './words.js';

const SHOWN = 48;
/** The browser knows the names; nobody is asked. */
const NAMES = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' });

/** A tile for each country, the more sessions the darker. @param {readonly CountryView[]} countries */
export function showCountries(countries) {
	const live = countries.filter(({ active }) => active > 0);
	const all = live.reduce((sum, { active }) => sum + active, 0);
	const most = live[0]?.active ?? 1;
	const rest = live.slice(SHOWN);
	const others = { country: `${rest.length} more`, active: rest.reduce((sum, { active }) => sum + active, 0) };
	const shown = rest.length === 0 ? live : [...live.slice(0, SHOWN), others];
	byId('countries', HTMLOListElement).replaceChildren(
		...(shown.length === 0
			? [element('li', { class: 'empty' }, 'No session now.')]
			: shown.map((one) => countryTile(one, all, most))),
	);
}

/** @param {CountryView} country @param {number} all @param {number} most */
function countryTile({ country, active }, all, most) {
	const name = country === null ? 'unknown' : /^[A-Z]{2}$/.test(country) ? (NAMES.of(country) ?? country) : country;
	const tile = element(
		'li',
		{ title: country === null ? 'No database knows these addresses' : name },
		element('b', {}, country ?? '?'),
		element('span', { class: 'name' }, name),
		element(
			'span',
			{ class: 'count' },
			String(active),
			' ',
			element('small', {}, `${Math.round((active / all) * 100)} %`),
		),
	);
	return withVariable(tile, '--share', active / most);
}

/** @param {readonly RegionView[]} regions */
export function showRegions(regions) {
	const most = Math.max(1, ...regions.map(({ active }) => active));
	byId('regions', HTMLUListElement).replaceChildren(
		...(regions.length === 0
			? [element('li', { class: 'empty' }, 'None is configured.')]
			: regions.map(({ name, active, maxConnections }) => {
					const share = active / (maxConnections ?? most);
					const kind = maxConnections === null ? 'plain' : loadKind(share);
					return row(name, bar(share, kind), ofCap(active, maxConnections));
				})),
	);
}

/** Most first. @param {StatusView} status */
export function showOutcomes({ outcomes, sessions }) {
	const known = Object.entries(outcomes).map(([outcome, count]) => ({ outcome, count: count ?? 0 }));
	byId('outcomes', HTMLUListElement).replaceChildren(
		...(known.length === 0
			? [element('li', { class: 'empty' }, 'None has ended yet.')]
			: known
					.sort((a, b) => b.count - a.count)
					.map(({ outcome, count }) =>
						row(outcome, bar(count / Math.max(1, sessions), outcome === 'completed' ? 'good' : 'plain'), String(count)),
					)),
	);
}

/** @param {string} name @param {HTMLElement} gauge @param {string} text */
const row = (name, gauge, text) => element('li', {}, element('span', {}, name), gauge, element('span', {}, text));
