/** @import { BackendView, EventView } from '../views.ts' */

/** @typedef {'up' | 'wait' | 'down' | 'none'} Look */
/** @typedef {{ health: string, state: string }} Condition */

const SVG = 'http://www.w3.org/2000/svg';

/** What an event made of a backend, and what there must have been before it. @type {Readonly<Record<string, (before: Condition, fields: EventView['fields']) => [Partial<Condition>, Partial<Condition>]>>} */
const TURNS = {
	'backend up': (_, fields) => [{ health: 'up' }, { health: 'downMs' in fields ? 'down' : 'unknown' }],
	'backend down': (_, fields) => [{ health: 'down' }, { health: 'upMs' in fields ? 'up' : 'unknown' }],
	'backend ejected': () => [{ health: 'ejected' }, { health: 'up' }],
	'backend returned': (_, { health }) => [{ health: String(health ?? 'up') }, { health: 'ejected' }],
	'backend drains': () => [{ state: 'draining' }, { state: 'enabled' }],
	'backend disabled': () => [{ state: 'disabled' }, { state: 'enabled' }],
	'backend enabled': () => [{ state: 'enabled' }, { state: 'draining' }],
};

/** @param {Condition} condition @returns {Look} */
export function lookOf({ health, state }) {
	if (health === 'down' || health === 'ejected') return 'down';
	if (state !== 'enabled') return 'wait';
	return health === 'up' ? 'up' : 'none';
}

/**
 * How a backend was from one time to another, as far as the events tell: `health, state` since `timeMs`.
 * @param {BackendView} backend
 * @param {readonly EventView[]} events oldest first
 * @param {number} fromMs the oldest that is asked for
 * @param {number} knownMs the oldest that the events tell of
 * @returns {{ timeMs: number, condition: Condition }[]}
 */
export function conditions(backend, events, fromMs, knownMs) {
	const own = events.filter(
		({ msg, fields }) => msg in TURNS && fields.pool === backend.pool && fields.backend === backend.name,
	);
	/** @type {Condition} */
	let condition = { health: backend.ejected ? 'ejected' : backend.health, state: backend.state };
	/** @type {{ timeMs: number, condition: Condition }[]} */
	const found = [];
	// Backwards, from what is: what an event made is known, what was before it follows.
	for (const { time, msg, fields } of own.toReversed()) {
		const turn = TURNS[msg]?.(condition, fields);
		if (turn === undefined) continue;
		found.unshift({ timeMs: Date.parse(time), condition: { ...condition, ...turn[0] } });
		condition = { ...condition, ...turn[1] };
		if (Date.parse(time) <= fromMs) return found;
	}
	return [{ timeMs: Math.max(fromMs, knownMs), condition }, ...found];
}

/**
 * A strip of colours, oldest on the left.
 * @param {SVGSVGElement} strip
 * @param {readonly { timeMs: number, condition: Condition }[]} known
 * @param {number} fromMs
 * @param {number} toMs
 */
export function drawStrip(strip, known, fromMs, toMs) {
	const parts = known.flatMap(({ timeMs, condition }, at) => {
		const [begin, end] = [Math.max(timeMs, fromMs), known[at + 1]?.timeMs ?? toMs];
		return end <= begin ? [] : [{ begin, end, look: lookOf(condition) }];
	});
	const shape = JSON.stringify(parts.map(({ begin, look }) => [Math.round((toMs - begin) / 1000), look]));
	if (strip.dataset.shape === shape) return;
	strip.dataset.shape = shape;
	strip.replaceChildren(
		...parts.map(({ begin, end, look }) => {
			const part = document.createElementNS(SVG, 'rect');
			part.setAttribute('x', String(((begin - fromMs) / (toMs - fromMs)) * 100));
			part.setAttribute('width', String(((end - begin) / (toMs - fromMs)) * 100));
			part.setAttribute('height', '10');
			part.setAttribute('class', look);
			return part;
		}),
	);
}

/** An empty strip. */
export function strip() {
	const made = document.createElementNS(SVG, 'svg');
	made.setAttribute('viewBox', '0 0 100 10');
	made.setAttribute('preserveAspectRatio', 'none');
	made.setAttribute('class', 'strip');
	made.setAttribute('role', 'img');
	return made;
}
