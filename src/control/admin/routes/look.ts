import * as z from 'zod';
import { SluiceError } from '../../../core/errors.ts';
import type { AdminServerOptions } from '../server.ts';
import {
	alertView,
	backendView,
	bucketView,
	changeView,
	clientView,
	countryView,
	eventView,
	historyQuery,
	historyView,
	listenerView,
	overviewView,
	poolView,
	regionView,
	statusView,
} from '../views.ts';
import { type AdminHttp, answers } from './typed.ts';

/** Events after this one. */
const eventsQuery = z.object({ after: z.coerce.number().int().min(0).default(0) });

/** What can be looked at. */
export function addLookRoutes(http: AdminHttp, { operations }: AdminServerOptions): void {
	http.get('/status', { schema: { summary: 'The process and its totals.', response: answers(statusView) } }, async () =>
		operations.status(),
	);
	http.get(
		'/overview',
		{
			schema: {
				summary: 'What the dashboard shows: status, listeners, pools, buckets, countries and events.',
				querystring: eventsQuery,
				response: answers(overviewView),
			},
		},
		async ({ query }) => ({
			status: operations.status(),
			listeners: [...operations.listeners()],
			pools: [...operations.pools()],
			buckets: [...operations.buckets()],
			countries: [...(await operations.countries())],
			events: [...operations.events(query.after)],
		}),
	);
	http.get(
		'/listeners',
		{ schema: { summary: 'Every listener.', response: answers(z.array(listenerView)) } },
		async () => [...operations.listeners()],
	);
	http.get(
		'/pools',
		{ schema: { summary: 'Every pool with its backends.', response: answers(z.array(poolView)) } },
		async () => [...operations.pools()],
	);
	http.get(
		'/pools/:pool',
		{
			schema: {
				summary: 'One pool with its backends.',
				params: z.object({ pool: z.string() }),
				response: answers(poolView),
			},
		},
		async ({ params }) => poolNamed(params.pool),
	);
	http.get(
		'/backends',
		{ schema: { summary: 'Every backend of every pool.', response: answers(z.array(backendView)) } },
		async () => operations.pools().flatMap(({ backends }) => backends),
	);
	http.get(
		'/pools/:pool/backends/:backend',
		{
			schema: {
				summary: 'One backend.',
				params: z.object({ pool: z.string(), backend: z.string() }),
				response: answers(backendView),
			},
		},
		async ({ params }) => {
			const found = poolNamed(params.pool).backends.find(({ name }) => name === params.backend);
			if (found !== undefined) return found;
			throw new SluiceError('not-found', `pool ${params.pool} has no backend ${params.backend}`);
		},
	);
	http.get('/regions', { schema: { summary: 'Every region.', response: answers(z.array(regionView)) } }, async () => [
		...operations.regions(),
	]);
	http.get(
		'/countries',
		{ schema: { summary: 'Sessions now, by country, most first.', response: answers(z.array(countryView)) } },
		async () => [...(await operations.countries())],
	);
	http.get(
		'/clients',
		{
			schema: {
				summary: 'The busiest clients.',
				querystring: z.object({
					listener: z.string().optional(),
					limit: z.coerce.number().int().min(1).max(1_000).default(20),
				}),
				response: answers(z.array(clientView)),
			},
		},
		async ({ query }) => [...(await operations.clients(query.listener ?? null, query.limit))],
	);
	http.get(
		'/buckets',
		{ schema: { summary: 'Token buckets and how full they are.', response: answers(z.array(bucketView)) } },
		async () => [...operations.buckets()],
	);
	http.get(
		'/events',
		{
			schema: {
				summary: 'What changed of late, oldest first.',
				querystring: eventsQuery,
				response: answers(z.array(eventView)),
			},
		},
		async ({ query }) => [...operations.events(query.after)],
	);
	http.get(
		'/changes',
		{ schema: { summary: 'Changes made at run time that are in force.', response: answers(z.array(changeView)) } },
		async () => [...operations.changes()],
	);
	http.get(
		'/alerts',
		{ schema: { summary: 'Every alert and how far it is.', response: answers(z.array(alertView)) } },
		async () => [...operations.alerts()],
	);
	http.get(
		'/history',
		{
			schema: {
				summary: 'The past of the process or of a pool.',
				querystring: historyQuery,
				response: answers(historyView),
			},
		},
		async ({ query }) => operations.history(query),
	);

	function poolNamed(name: string) {
		const found = operations.pools().find((pool) => pool.name === name);
		if (found !== undefined) return found;
		throw new SluiceError('not-found', `there is no pool ${name}`);
	}
}
