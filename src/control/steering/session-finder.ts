import { SluiceError } from '../../core/errors.ts';
import type { SessionFilter } from '../../core/session-facts.ts';
import { buildNetworkTable, parseNetwork } from '../../policy/network-table.ts';
import type { SessionPage, SessionQuery, SessionView } from '../admin/views.ts';
import { sessionView } from './session-views.ts';
import type { Place, WorkerDesk } from './worker-desk.ts';

/** Finds sessions of all workers by what is asked for, page by page, or by their id. */
export class SessionFinder {
	readonly #desk: WorkerDesk;

	constructor(desk: WorkerDesk) {
		this.#desk = desk;
	}

	/** @throws SluiceError `bad-request` for an id or a network that cannot be one. */
	async page({ limit, after, ...query }: SessionQuery): Promise<SessionPage> {
		const place = after === undefined ? null : parseId(after);
		if (after !== undefined && place === null)
			throw new SluiceError('bad-request', `after ${after}: no session has such an id`);
		const found = await this.#desk.list(filterOf(query), place, limit + 1);
		const page = found.slice(0, limit).map(sessionView);
		return { sessions: page, next: found.length > limit ? (page.at(-1)?.id ?? null) : null };
	}

	async one(id: string): Promise<SessionView | null> {
		const place = parseId(id);
		if (place === null) return null;
		const [found] = await this.#desk.list(filterOf({}), { ...place, number: place.number - 1 }, 1);
		return found !== undefined && found.worker === place.worker && found.number === place.number
			? sessionView(found)
			: null;
	}

	/** False: there is no such session any more. */
	async kill(id: string): Promise<boolean> {
		const place = parseId(id);
		return place !== null && (await this.#desk.kill(place));
	}
}

/** `worker-number`. */
function parseId(id: string): Place | null {
	const [, worker, number] = /^(\d{1,3})-(\d{1,15})$/.exec(id) ?? [];
	return worker === undefined || number === undefined ? null : { worker: Number(worker), number: Number(number) };
}

function filterOf(query: Omit<SessionQuery, 'limit' | 'after'>): SessionFilter {
	const { listener = null, pool = null, backend = null, country, client, waiting } = query;
	const of = { listener, pool, backend, country: country?.toUpperCase() ?? null };
	return { ...of, client: networkOf(client), waiting: waiting === 'true' };
}

function networkOf(client: string | undefined): SessionFilter['client'] {
	if (client === undefined) return null;
	if (parseNetwork(client) === null)
		throw new SluiceError('bad-request', `client ${client}: expected an address or a network`);
	return buildNetworkTable([client]);
}
