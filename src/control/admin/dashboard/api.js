/** @import { HistoryView, OverviewView } from '../views.ts' */

const KEPT_AT = 'sluice-token';
/** A server that has not answered by then does not: it may hang. */
const PATIENCE_MS = 5_000;
/** Clocks that differ by less are taken for the same: a header tells seconds alone. */
const LEAST_SKEW_MS = 2_000;

let skewMs = 0;

/** The server's wall clock: what it has kept is by that one. */
export const serverNow = () => Date.now() + skewMs;

/** The token for changes; kept for this tab alone. */
export const token = {
	get: () => sessionStorage.getItem(KEPT_AT) ?? '',
	/** @param {string} value */
	set: (value) => (value === '' ? sessionStorage.removeItem(KEPT_AT) : sessionStorage.setItem(KEPT_AT, value)),
};

/** What the server says against a request, or why there is no answer; then `status` is 0. */
export class Refusal extends Error {
	/** @param {number} status @param {string} message */
	constructor(status, message) {
		super(message);
		this.status = status;
	}
}

/** Of whatever was thrown. @param {unknown} error */
export const reasonOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 * @throws {Refusal}
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
		signal: AbortSignal.timeout(PATIENCE_MS),
	}).catch((error) => {
		const late = error instanceof DOMException && error.name === 'TimeoutError';
		throw new Refusal(0, late ? `nothing within ${PATIENCE_MS / 1000} s` : 'it cannot be reached');
	});
	noteClock(answer.headers.get('date'));
	const json = await answer.json().catch(() => null);
	if (answer.ok) return json;
	throw new Refusal(answer.status, json?.message ?? `answered ${answer.status}`);
}

/** @param {string | null} date */
function noteClock(date) {
	const aheadMs = date === null ? Number.NaN : Date.parse(date) - Date.now();
	if (!Number.isNaN(aheadMs)) skewMs = Math.abs(aheadMs) < LEAST_SKEW_MS ? 0 : aheadMs;
}

/** What the page shows, all at once. @param {number} lastEvent @returns {Promise<OverviewView>} */
export const look = (lastEvent) => ask('GET', `overview?after=${lastEvent}`);

/**
 * The last seconds of `process` or `pool NAME`, as far as they were kept.
 * @param {string} series
 * @param {number} seconds
 * @returns {Promise<HistoryView>}
 */
export function past(series, seconds) {
	const since = new Date(serverNow() - seconds * 1000).toISOString();
	return ask('GET', `history?${new URLSearchParams({ series, since })}`);
}

/** @param {{ pool: string, name: string }} backend @param {string} rest */
export const backendPath = ({ pool, name }, rest) =>
	`pools/${encodeURIComponent(pool)}/backends/${encodeURIComponent(name)}/${rest}`;
