import { ask, Refusal, reasonOf, token } from './api.js';
import { byId } from './element.js';
import { putAway, tell } from './notice.js';

const field = byId('token', HTMLInputElement);
const forget = byId('forget', HTMLButtonElement);

/** Says whether a token is in use, and for what. */
async function showToken() {
	const inUse = token.get() !== '';
	forget.hidden = !inUse;
	field.placeholder = inUse ? 'in use' : 'for changes';
	if (!inUse) return;
	/** @type {{ roles: string[] }} */
	const { roles } = await ask('GET', 'caller');
	if (!roles.includes('write')) field.placeholder = 'in use, may only read';
}

/** @param {string} value */
async function use(value) {
	token.set(value);
	field.value = '';
	putAway();
	try {
		await showToken();
	} catch (error) {
		if (error instanceof Refusal && error.status === 401) dropToken('This token is not known here.');
		else tell(reasonOf(error), false);
	}
}

/** A token that is not known is worth less than none. @param {string} why */
export function dropToken(why) {
	token.set('');
	forget.hidden = true;
	field.placeholder = 'for changes';
	tell(why, false);
}

/** @param {() => void} changed */
export function hearToken(changed) {
	byId('token-form', HTMLFormElement).addEventListener('submit', (event) => {
		event.preventDefault();
		void use(field.value.trim()).then(changed);
	});
	forget.addEventListener('click', () => {
		void use('').then(changed);
		field.focus();
	});
	void use(token.get());
}
