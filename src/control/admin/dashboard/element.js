/**
 * An element with its attributes and children; texts stay texts, so nothing that comes from the network is markup.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Readonly<Record<string, string | boolean | ((event: Event) => void)>>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
	const made = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (typeof value === 'function') made.addEventListener(name, value);
		else if (value === true) made.setAttribute(name, '');
		else if (value !== false) made.setAttribute(name, value);
	}
	made.append(...children);
	return made;
}

/**
 * The same element with a variable of the style sheet; the page's policy has no attributes for that.
 * @template {HTMLElement} T
 * @param {T} made
 * @param {string} name
 * @param {number} value
 */
export function withVariable(made, name, value) {
	made.style.setProperty(name, value.toFixed(4));
	return made;
}

/** How full something is, 0 to 1, beside a text that says it. @param {number} share @param {string} [kind] */
export const bar = (share, kind = '') =>
	withVariable(
		element('span', { class: `gauge ${kind}`, 'aria-hidden': 'true' }, element('i')),
		'--share',
		Math.min(1, Math.max(0, share)),
	);

/** Of what has a cap. @param {number} share */
export const loadKind = (share) => (share >= 1 ? 'bad' : share >= 0.8 ? 'wait' : 'good');

/**
 * The element of this id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
	const found = document.getElementById(id);
	if (found instanceof type) return found;
	throw new Error(`the page has no ${id}`);
}

/** Changes a text only where it is another one: what is marked with the mouse stays marked. @param {Element | null | undefined} place @param {string} text */
export function setText(place, text) {
	if (place && place.textContent !== text) place.textContent = text;
}
