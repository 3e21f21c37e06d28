import * as z from 'zod';
import {
	type AlertView,
	alertView,
	type ClientView,
	clientView,
	type PoolView,
	poolView,
	type RegionView,
	regionView,
	type SessionView,
	type StatusView,
	sessionPage,
	statusView,
} from '../../../control/admin/views.ts';
import type { AdminClient } from '../client.ts';

export const VIEWS = ['backends', 'clients', 'sessions'] as const;
export type View = (typeof VIEWS)[number];

/** One look at a running balancer. What no table shows now is not asked for and empty. */
export interface Seen {
	readonly status: StatusView;
	readonly regions: readonly RegionView[];
	readonly alerts: readonly AlertView[];
	readonly pools: readonly PoolView[];
	readonly clients: readonly ClientView[];
	readonly sessions: readonly SessionView[];
	/** There are more sessions than were asked for. */
	readonly more: boolean;
}

/** So many are listed at most: nobody reads on. */
const CLIENTS = 100;
const SESSIONS = 500;

const pools = z.array(poolView);
const regions = z.array(regionView);
const alerts = z.array(alertView);
const clients = z.array(clientView);

/** Asks for what these views show. @throws SluiceError when there is no answer */
export async function look(client: AdminClient, views: readonly View[]): Promise<Seen> {
	const [status, regional, watched, pooled, busiest, page] = await Promise.all([
		client.get('/status', statusView),
		client.get('/regions', regions),
		client.get('/alerts', alerts),
		views.includes('backends') ? client.get('/pools', pools) : [],
		views.includes('clients') ? client.get(`/clients?limit=${CLIENTS}`, clients) : [],
		views.includes('sessions') ? client.get(`/sessions?limit=${SESSIONS}`, sessionPage) : { sessions: [], next: null },
	]);
	const more = page.next !== null;
	const listed = { pools: pooled, clients: busiest, sessions: page.sessions, more };
	return { status, regions: regional, alerts: watched, ...listed };
}
