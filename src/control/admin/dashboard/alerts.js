/** @import { AlertView } from '../views.ts' */
import { serverNow } from './api.js';
import { byId, element, setText } from './element.js';
import { ageText, clockText, numberText } from './words.js';

const ORDER = { firing: 0, pending: 1, ok: 2 };

/** The alerts of the configuration, those that fire first. @param {readonly AlertView[]} alerts @returns {number} how many fire */
export function showAlerts(alerts) {
	const firing = alerts.filter(({ state }) => state === 'firing').length;
	const list = byId('alert-list', HTMLUListElement);
	const sorted = [...alerts].sort((a, b) => ORDER[a.state] - ORDER[b.state]);
	byId('alerts', HTMLElement).dataset.firing = String(firing);
	setText(byId('alerts-count', HTMLElement), countText(alerts.length, firing));
	if (sorted.length > 0) list.replaceChildren(...sorted.map(alertItem));
	else if (list.querySelector('.empty') === null)
		list.replaceChildren(
			element(
				'li',
				{ class: 'empty' },
				'None is configured: ',
				element('code', {}, 'alerts'),
				' in the configuration.',
			),
		);
	return firing;
}

/** @param {number} all @param {number} firing */
function countText(all, firing) {
	if (all === 0) return '';
	return firing === 0 ? `${all}, none fires` : `${firing} of ${all} firing`;
}

/** @param {AlertView} alert */
function alertItem(alert) {
	const { name, state, when, value } = alert;
	const webhook = webhookText(alert);
	return element(
		'li',
		{ class: state, 'data-alert': name },
		element('span', { class: 'badge' }, state),
		element('strong', {}, name),
		element('code', {}, when),
		element('span', { class: 'soft' }, value === null ? 'nothing to compare now' : `now ${numberText(value)}`),
		element('span', {}, sinceText(alert)),
		element('span', { class: alert.trouble === null ? 'soft' : 'trouble' }, webhook),
	);
}

/** @param {AlertView} alert */
function sinceText({ state, since, forMs }) {
	const lasted = ageText(serverNow() - Date.parse(since));
	if (state === 'pending') return `pending for ${lasted} of ${ageText(forMs)}`;
	return `${state} for ${lasted}, since ${clockText(since)}`;
}

/** @param {AlertView} alert */
function webhookText({ webhook, told, trouble }) {
	if (webhook === null) return 'no webhook: the log alone is told';
	if (trouble !== null) return `webhook: ${trouble}, ${webhook === 'failed' ? 'given up' : 'tried again'}`;
	if (webhook === 'waiting') return 'webhook: being told';
	return told === null ? 'webhook: nothing told yet' : `webhook: told ${told.state} at ${clockText(told.time)}`;
}
