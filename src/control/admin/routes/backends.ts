import * as z from 'zod';
import type { AdminServerOptions } from '../server.ts';
import { backendAddition, drainOrder, shapingChange } from '../views.ts';
import { type AdminHttp, answers, DONE, done, nameOf } from './typed.ts';

const inPool = z.object({ pool: z.string() });
const ofBackend = z.object({ pool: z.string(), backend: z.string() });
const WRITE = { role: 'write' } as const;

/**
 * Changes at run time: in force until a restart, or for good where `state` names a file. Of a host name's addresses,
 * `name/address`, all are changed at once.
 */
export function addBackendRoutes(http: AdminHttp, { operations }: AdminServerOptions): void {
	http.post(
		'/pools/:pool/backends',
		{
			config: WRITE,
			schema: { summary: 'Add a backend.', params: inPool, body: backendAddition, response: answers(done) },
		},
		async (request) => {
			await operations.addBackend(request.params.pool, request.body, nameOf(request));
			return DONE;
		},
	);
	http.delete(
		'/pools/:pool/backends/:backend',
		{
			config: WRITE,
			schema: { summary: 'Remove a backend; its sessions drain.', params: ofBackend, response: answers(done) },
		},
		async (request) => {
			await operations.removeBackend(request.params.pool, request.params.backend, nameOf(request));
			return DONE;
		},
	);
	http.put(
		'/pools/:pool/backends/:backend/weight',
		{
			config: WRITE,
			schema: {
				summary: 'Set the weight; 0 takes no new sessions.',
				params: ofBackend,
				body: z.strictObject({ weight: z.int().min(0).max(256) }),
				response: answers(done),
			},
		},
		async (request) => {
			const { pool, backend } = request.params;
			await operations.setWeight(pool, backend, request.body.weight, nameOf(request));
			return DONE;
		},
	);
	http.post(
		'/pools/:pool/backends/:backend/drain',
		{
			config: WRITE,
			schema: {
				summary: 'No new sessions; those there are end, by themselves or some a second.',
				params: ofBackend,
				body: drainOrder,
				response: answers(done),
			},
		},
		async (request) => {
			const { pool, backend } = request.params;
			await operations.drain(pool, backend, request.body, nameOf(request));
			return DONE;
		},
	);
	for (const order of ['enable', 'disable'] as const) {
		http.post(
			`/pools/:pool/backends/:backend/${order}`,
			{
				config: WRITE,
				schema: {
					summary: order === 'enable' ? 'Take new sessions again.' : 'No new sessions; those there are go on.',
					params: ofBackend,
					response: answers(done),
				},
			},
			async (request) => {
				const { pool, backend } = request.params;
				await operations[order](pool, backend, nameOf(request));
				return DONE;
			},
		);
	}
	http.put(
		'/shaping/:place',
		{
			config: WRITE,
			schema: {
				summary: 'Set the rates of `listener NAME`, `region NAME`, `pool NAME` or `backend POOL/NAME`.',
				params: z.object({ place: z.string() }),
				body: shapingChange,
				response: answers(done),
			},
		},
		async (request) => {
			await operations.setShaping(request.params.place, request.body, nameOf(request));
			return DONE;
		},
	);
}
