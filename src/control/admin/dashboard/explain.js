import { ask, reasonOf } from './api.js';
import { byId, element } from './element.js';

/** @typedef {{ client: string, country: string | null, region: string | null, steps: { stage: string, text: string }[], outcome: string | null, pool: string | null, backend: string | null }} Explained */

/** @param {string} id */
const typed = (id) => byId(id, HTMLInputElement).value.trim();

/** Of the listeners that there are. @param {readonly { name: string }[]} listeners */
export function offerListeners(listeners) {
	const select = byId('explain-listener', HTMLSelectElement);
	const names = listeners.map(({ name }) => name);
	if (names.join('\n') === [...select.options].map(({ value }) => value).join('\n')) return;
	const chosen = select.value;
	select.replaceChildren(...names.map((name) => element('option', { value: name }, name)));
	if (names.includes(chosen)) select.value = chosen;
}

async function explain() {
	const output = byId('explanation', HTMLOutputElement);
	const query = new URLSearchParams({
		listener: byId('explain-listener', HTMLSelectElement).value,
		ip: typed('explain-ip'),
	});
	for (const name of ['sni', 'alpn']) if (typed(`explain-${name}`) !== '') query.set(name, typed(`explain-${name}`));
	try {
		const { clients } = await ask('GET', `explain?${query}`);
		output.replaceChildren(...clients.flatMap(answer));
	} catch (error) {
		output.replaceChildren(element('p', { class: 'refused' }, reasonOf(error)));
	}
}

/** @param {Explained} explained */
function answer({ client, country, region, steps, outcome, pool, backend }) {
	const verdict =
		outcome === null
			? `pool ${pool}, ${backend === null ? 'in its queue' : `backend ${backend}`}`
			: `refused: ${outcome}`;
	const where = `${country ?? 'country unknown'}, ${region === null ? 'no region' : `region ${region}`}`;
	return [
		element('p', {}, element('b', {}, client), ` ${where}`),
		element(
			'ol',
			{},
			...steps.map(({ stage, text }) => element('li', {}, element('span', { class: 'stage' }, stage), ' ', text)),
		),
		element('p', { class: outcome === null ? 'served' : 'refused' }, verdict),
	];
}

byId('explain-form', HTMLFormElement).addEventListener('submit', (event) => {
	event.preventDefault();
	void explain();
});
