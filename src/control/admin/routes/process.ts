import * as z from 'zod';
import { LOG_LEVELS } from '../../../core/record.ts';
import type { AdminServerOptions } from '../server.ts';
import { callerView, diffView, explanationView, named, reloadView } from '../views.ts';
import { type AdminHttp, answers, DONE, done, nameOf } from './typed.ts';

/** Far more than a configuration that people keep; of the request, in bytes. */
const CANDIDATE_LIMIT = 2 * 1_048_576;

const WRITE = { role: 'write' } as const;
/** Given once or several times. */
const one = z.string().max(255);
const listed = z.union([one.transform((value) => [value]), z.array(one).max(100)]);

/** The process as a whole: what it would do, its configuration, its log. */
export function addProcessRoutes(http: AdminHttp, { operations }: AdminServerOptions): void {
	http.get(
		'/caller',
		{ schema: { summary: 'Who asks, and what they may do.', response: answers(callerView) } },
		async (request) => ({ name: nameOf(request), roles: [...(request.caller?.roles ?? [])] }),
	);
	http.get(
		'/explain',
		{
			schema: {
				summary: 'What would happen to a client now, and why.',
				querystring: z.strictObject({
					listener: named(),
					ip: listed,
					sni: z.string().max(255).optional(),
					alpn: listed.optional(),
				}),
				response: answers(explanationView),
			},
		},
		async ({ query: { listener, ip, sni, alpn } }) => {
			const explained = operations.explain({ listener, ips: ip, sni: sni ?? null, alpn: alpn ?? [] });
			const { clients, spread } = explained;
			return {
				listener,
				clients: clients.map((client) => ({ ...client, steps: [...client.steps] })),
				spread: [...spread],
			};
		},
	);
	http.put(
		'/log-level',
		{
			config: WRITE,
			schema: {
				summary: 'Set the level of the log; null: as the configuration has it.',
				body: z.strictObject({ level: z.enum(LOG_LEVELS).nullable() }),
				response: answers(done),
			},
		},
		async (request) => {
			await operations.setLogLevel(request.body.level, nameOf(request));
			return DONE;
		},
	);
	http.post(
		'/reload',
		{
			config: WRITE,
			schema: { summary: 'Read the configuration file again and put it in force.', response: answers(reloadView) },
		},
		async (request) => operations.reload(nameOf(request)),
	);
	http.post(
		'/diff',
		{
			bodyLimit: CANDIDATE_LIMIT,
			config: { role: 'read', costly: true },
			schema: {
				summary: 'What a reload with this configuration would change.',
				body: z.strictObject({ configuration: z.string().max(CANDIDATE_LIMIT) }),
				response: answers(diffView),
			},
		},
		async ({ body }) => operations.diff(body.configuration),
	);
}
