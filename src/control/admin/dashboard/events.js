/** @import { EventView } from '../views.ts' */
import { byId, element } from './element.js';
import { clockText, numberText } from './words.js';

const SHOWN = 200;
/** As many as the server keeps. */
const KEPT = 500;

/** Oldest first. @type {EventView[]} */
let kept = [];

/** The number to ask after. */
export const lastEvent = () => kept.at(-1)?.number ?? 0;

/** All that is known of what changed, oldest first. @returns {readonly EventView[]} */
export const knownEvents = () => kept;

/** A process that was started anew counts its events from one: they are asked for with the next look. */
export function forgetEvents() {
	kept = [];
	byId('events', HTMLOListElement).replaceChildren();
}

/** Two looks may have been on their way: what is known already is left out. @param {readonly EventView[]} events oldest first */
export function showEvents(events) {
	const list = byId('events', HTMLOListElement);
	const newer = events.filter(({ number }) => number > lastEvent());
	kept = [...kept, ...newer].slice(-KEPT);
	if (kept.length === 0) {
		if (list.children.length === 0) list.append(element('li', { class: 'empty' }, 'Nothing yet.'));
		return;
	}
	list.querySelector('.empty')?.remove();
	list.prepend(...newer.map(eventItem).reverse());
	while (list.children.length > SHOWN) list.lastElementChild?.remove();
}

/** @param {string | number | boolean} value */
function valueText(value) {
	if (typeof value === 'number') return numberText(value);
	return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? clockText(value) : String(value);
}

/** @param {EventView} event */
function eventItem({ time, level, msg, fields }) {
	const rest = Object.entries(fields).flatMap(([name, value]) =>
		value === null ? [] : [`${name} ${valueText(value)}`],
	);
	return element(
		'li',
		{ class: level },
		element('time', { datetime: time }, clockText(time)),
		element('span', {}, element('b', {}, msg), ...(rest.length === 0 ? [] : [` ${rest.join(', ')}`])),
	);
}
