/** @import { BackendView, HistoryView, OverviewView } from '../views.ts' */

const KEPT_AT = 'sluice-token';

/** The token for changes; kept for this tab alone. */
export const token = {
	get: () => sessionStorage.getItem(KEPT_AT) ?? '',
	/** @param {string} value */
	set: (value) => (value === '' ? sessionStorage.removeItem(KEPT_AT) : sessionStorage.setItem(KEPT_AT, value)),
};

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 * @throws {Error} saying what the server says
 */
export async function ask(method, path, body) {
	/** @type {Record<string, string>} */
	const headers = {};
	if (token.get() !== '') headers.authorization = `Bearer ${token.get()}`;
	if (method !== 'GET') headers['content-type'] = 'application/json';
	const answer = await fetch(path, {
		method,
		headers,
		...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
		cache: 'no-store',
	});
	const json = await answer.json().catch(() => null);
	if (answer.ok) return json;
	throw new Error(json?.message ?? `answered ${answer.status}`);
}

/**
 * What the page shows, all at once.
 * @param {number} lastEvent
 * @returns {Promise<OverviewView>}
 */
export const look = (lastEvent) => ask('GET', `overview?after=${lastEvent}`);

/**
 * The process in the last seconds, as far as it was kept.
 * @param {number} seconds
 * @returns {Promise<HistoryView>}
 */
export const past = (seconds) =>
	ask('GET', `history?since=${encodeURIComponent(new Date(Date.now() - seconds * 1000).toISOString())}`);

/** @param {{ pool: string, name: string }} backend @param {string} rest */
export const backendPath = ({ pool, name }, rest) =>
	`pools/${encodeURIComponent(pool)}/backends/${encodeURIComponent(name)}/${rest}`;
