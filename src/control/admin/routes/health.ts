import * as z from 'zod';
import type { AdminServerOptions } from '../server.ts';
import { type AdminHttp, failure } from './typed.ts';

/** For those who watch the process from outside: no token, and nothing told but yes or no. */
export function addHealthRoutes(http: AdminHttp, { operations, metrics }: AdminServerOptions): void {
	http.get(
		'/livez',
		{
			config: { role: 'anyone', uncounted: true },
			schema: { summary: 'The control plane answers.', security: [], response: { 200: z.literal('ok') } },
		},
		async (_request, reply) => reply.type('text/plain').send('ok'),
	);
	http.get(
		'/readyz',
		{
			config: { role: 'anyone', uncounted: true },
			schema: {
				summary: 'New clients may come: 503 before all listeners serve and from the moment a stop is asked for.',
				security: [],
				response: { 200: z.literal('ready'), 503: z.literal('not ready') },
			},
		},
		async (_request, reply) =>
			operations.ready ? reply.type('text/plain').send('ready') : reply.code(503).type('text/plain').send('not ready'),
	);
	http.get(
		'/metrics',
		{ schema: { summary: 'For Prometheus.', response: { 200: z.string(), '4xx': failure } } },
		async (_request, reply) => {
			const { type, text } = await metrics();
			return reply.type(type).send(text);
		},
	);
	http.get('/openapi.json', { schema: { hide: true } }, async () => http.swagger());
}
