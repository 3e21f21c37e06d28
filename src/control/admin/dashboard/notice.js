import { byId, element } from './element.js';

/** What went well is told for so long; what did not stays until it is put away. */
const GOOD_MS = 8_000;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let ending;

/** What became of something that somebody did here. @param {string} text @param {boolean} good */
export function tell(text, good) {
	const notice = byId('notice', HTMLParagraphElement);
	clearTimeout(ending);
	const close = element('button', { type: 'button', 'aria-label': 'put away', click: putAway }, '×');
	notice.replaceChildren(element('span', {}, text), close);
	notice.className = good ? 'good' : '';
	notice.hidden = false;
	if (good) ending = setTimeout(putAway, GOOD_MS);
}

export function putAway() {
	byId('notice', HTMLParagraphElement).hidden = true;
}
