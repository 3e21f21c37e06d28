/** @import { BackendView } from '../views.ts' */
import { ask, backendPath, reasonOf } from './api.js';
import { element } from './element.js';
import { tell } from './notice.js';

/** What can be changed of a backend. @param {BackendView} backend */
export function actions(backend) {
	const label = `${backend.pool}/${backend.name}`;
	/** @param {string} said @param {string} method @param {string} path @param {unknown} [body] */
	const order = (said, method, path, body) =>
		ask(method, backendPath(backend, path), body).then(
			() => tell(`${label} ${said}`, true),
			(error) => tell(`${label}: ${reasonOf(error)}`, false),
		);
	const weight = element('input', {
		type: 'number',
		min: '0',
		max: '256',
		required: true,
		'aria-label': `weight of ${label}`,
		placeholder: 'weight',
	});
	/** @param {Event} event */
	const setWeight = (event) => {
		event.preventDefault();
		const { value } = weight;
		void order(`has weight ${value}`, 'PUT', 'weight', { weight: Number(value) }).then(() => {
			weight.value = '';
		});
	};
	/** @param {string} name @param {string} text @param {string} said */
	const button = (name, text, said) =>
		element(
			'button',
			{
				type: 'button',
				'data-order': name,
				'aria-label': `${name} ${label}`,
				click: () => void order(said, 'POST', name),
			},
			text,
		);
	return element(
		'div',
		{ class: 'actions' },
		button('drain', 'Drain', 'drains'),
		button('enable', 'Enable', 'is enabled'),
		element(
			'form',
			{ class: 'joined', submit: setWeight },
			weight,
			element('button', { type: 'submit', 'aria-label': `set the weight of ${label}` }, 'Set'),
		),
	);
}
