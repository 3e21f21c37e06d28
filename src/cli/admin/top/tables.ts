import type { BackendView, ClientView, PoolView, SessionView } from '../../../control/admin/views.ts';
import { ageText, bandwidthText, bytesText, ofCap, rateText } from '../words.ts';
import type { Seen, View } from './look.ts';

export type Tone = 'plain' | 'bold' | 'soft' | 'good' | 'warn' | 'bad';

/** A piece of a line. */
export interface Span {
	readonly text: string;
	readonly tone: Tone;
}

/** What a row stands for, and so what can be done with it. */
export type Subject =
	| { readonly type: 'backend'; readonly pool: string; readonly backend: string }
	| { readonly type: 'client' }
	| { readonly type: 'session'; readonly id: string };

export interface Row {
	/** The same from look to look; null: a heading, which cannot be selected. */
	readonly key: string | null;
	readonly subject: Subject | null;
	readonly cells: readonly Span[];
}

export interface Table {
	readonly heads: readonly string[];
	/** Places of the columns that go where they do not all fit, in this order. */
	readonly dispensable: readonly number[];
	readonly rows: readonly Row[];
	/** Which order this is. */
	readonly sort: string;
}

/** How one view makes its table. */
interface Shape<T> {
	readonly heads: readonly string[];
	readonly dispensable: readonly number[];
	readonly sorts: readonly { readonly name: string; readonly order: (a: T, b: T) => number }[];
	row(item: T): Row & { readonly key: string };
}

const span = (text: string, tone: Tone = 'plain'): Span => ({ text, tone });
const byText =
	<T>(text: (item: T) => string) =>
	(a: T, b: T): number =>
		text(a).localeCompare(text(b), 'en', { numeric: true });
const most =
	<T>(amount: (item: T) => number) =>
	(a: T, b: T): number =>
		amount(b) - amount(a);

const label = ({ pool, name }: BackendView): string => `${pool}/${name}`;

const HEALTH_TONE = { up: 'good', unknown: 'warn', down: 'bad' } as const;
const ILLNESS = { up: 0, unknown: 1, down: 2 } as const;
const illness = ({ health, ejected, state }: BackendView): number =>
	(ejected ? 3 : ILLNESS[health]) * 2 + (state === 'enabled' ? 0 : 1);

const BACKENDS: Shape<BackendView> = {
	heads: ['BACKEND', 'HEALTH ', 'STATE   ', 'WEIGHT', 'SESSIONS', 'ENDED', 'UP       ', 'DOWN     ', 'LAST ERROR'],
	dispensable: [8, 5, 3, 6, 7, 2],
	sorts: [
		{ name: 'name', order: byText(label) },
		{ name: 'sessions', order: most(({ active }) => active) },
		{ name: 'upload', order: most(({ traffic }) => traffic.uploadBytesPerSecond) },
		{ name: 'download', order: most(({ traffic }) => traffic.downloadBytesPerSecond) },
		{ name: 'trouble', order: most(illness) },
	],
	row: (backend) => ({
		key: label(backend),
		subject: { type: 'backend', pool: backend.pool, backend: backend.name },
		cells: [
			span(label(backend)),
			backend.ejected ? span('ejected', 'bad') : span(backend.health, HEALTH_TONE[backend.health]),
			span(backend.state, backend.state === 'enabled' ? 'plain' : 'warn'),
			span(backend.backup ? `${backend.weight} backup` : String(backend.weight)),
			span(ofCap(backend.active, backend.maxConnections)),
			span(rateText(backend.sessionsPerSecond)),
			span(bandwidthText(backend.traffic.uploadBytesPerSecond)),
			span(bandwidthText(backend.traffic.downloadBytesPerSecond)),
			span(backend.lastError?.reason ?? '-', 'soft'),
		],
	}),
};

const CLIENTS: Shape<ClientView> = {
	heads: ['CLIENT', 'LISTENER', 'SESSIONS', 'UP       ', 'DOWN     '],
	dispensable: [1, 3, 4],
	sorts: [
		{ name: 'traffic', order: most((client) => client.uploadBytesPerSecond + client.downloadBytesPerSecond) },
		{ name: 'sessions', order: most(({ active }) => active) },
		{ name: 'address', order: byText(({ client }) => client) },
	],
	row: ({ client, listener, active, uploadBytesPerSecond, downloadBytesPerSecond }) => ({
		key: `${listener} ${client}`,
		subject: { type: 'client' },
		cells: [
			span(client),
			span(listener),
			span(String(active)),
			span(bandwidthText(uploadBytesPerSecond)),
			span(bandwidthText(downloadBytesPerSecond)),
		],
	}),
};

const SESSIONS: Shape<SessionView> = {
	heads: ['ID', 'CLIENT', 'COUNTRY', 'BACKEND', 'STATE   ', 'AGE    ', 'UP     ', 'DOWN   ', 'LISTENER'],
	dispensable: [8, 2, 6, 5, 7, 4, 3],
	sorts: [
		{ name: 'oldest', order: most(({ ageMs }) => ageMs) },
		{ name: 'newest', order: (a, b) => a.ageMs - b.ageMs },
		{ name: 'upload', order: most(({ uploadBytes }) => uploadBytes) },
		{ name: 'download', order: most(({ downloadBytes }) => downloadBytes) },
		{ name: 'client', order: byText(({ client }) => client ?? '') },
	],
	row: (session) => ({
		key: session.id,
		subject: { type: 'session', id: session.id },
		cells: [
			span(session.id),
			span(session.client ?? 'unix'),
			span(session.country ?? '-'),
			span(session.pool === null ? '-' : `${session.pool}/${session.backend ?? '?'}`),
			session.throttled ? span(`${session.state}, throttled`, 'warn') : span(session.state),
			span(ageText(session.ageMs)),
			span(bytesText(session.uploadBytes)),
			span(bytesText(session.downloadBytes)),
			span(session.listener),
		],
	}),
};

/**
 * The table of one view. `sort` counts on for ever, the orders come round again; `filter` is a text that a row's own
 * cells must have, whatever the case.
 */
export function tableOf(view: View, seen: Seen, sort: number, filter: string): Table {
	switch (view) {
		case 'backends': {
			const backends = seen.pools.flatMap((pool) => pool.backends);
			const table = shaped(BACKENDS, backends, sort, filter);
			return table.sort === 'name' ? { ...table, rows: grouped(table.rows, seen.pools) } : table;
		}
		case 'clients':
			return shaped(CLIENTS, seen.clients, sort, filter);
		case 'sessions':
			return shaped(SESSIONS, seen.sessions, sort, filter);
	}
}

function shaped<T>(
	{ heads, dispensable, sorts, row }: Shape<T>,
	items: readonly T[],
	sort: number,
	filter: string,
): Table {
	const chosen = sorts[sort % sorts.length];
	const sorted = chosen === undefined ? items : [...items].sort(chosen.order);
	const wanted = filter.toLowerCase();
	const rows = sorted
		.map(row)
		.filter(({ cells }) => wanted === '' || cells.some(({ text }) => text.toLowerCase().includes(wanted)));
	return { heads, dispensable, rows, sort: chosen?.name ?? '' };
}

/** The rows of each pool under a line about the pool. */
function grouped(rows: readonly Row[], pools: readonly PoolView[]): Row[] {
	return pools.flatMap((pool) => {
		const own = rows.filter(({ subject }) => subject?.type === 'backend' && subject.pool === pool.name);
		return own.length === 0 ? [] : [poolRow(pool), ...own];
	});
}

function poolRow({ name, balance, healthy, backends, active, capacity, queued, queueSize }: PoolView): Row {
	const queue = queueSize === null ? '' : `, ${queued} of ${queueSize} queued`;
	const text = `${name}: ${healthy} of ${backends.length} healthy, ${ofCap(active, capacity)} sessions${queue}, ${balance}`;
	return { key: null, subject: null, cells: [span(text, healthy === 0 ? 'bad' : 'bold')] };
}
