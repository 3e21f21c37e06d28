import * as z from 'zod';
import { SluiceError } from '../../../core/errors.ts';
import type { AdminServerOptions } from '../server.ts';
import { sessionPage, sessionQuery, sessionView } from '../views.ts';
import { type AdminHttp, answers, DONE, done, nameOf } from './typed.ts';

const params = z.object({ id: z.string().max(64) });
const gone = (id: string): SluiceError => new SluiceError('not-found', `there is no session ${id} any more`);

/** The sessions of all workers. */
export function addSessionRoutes(http: AdminHttp, { operations }: AdminServerOptions): void {
	http.get(
		'/sessions',
		{
			schema: {
				summary: 'Live sessions, a page at a time.',
				querystring: sessionQuery,
				response: answers(sessionPage),
			},
		},
		async ({ query }) => operations.sessions(query),
	);
	http.get(
		'/sessions/:id',
		{ schema: { summary: 'One live session.', params, response: answers(sessionView) } },
		async ({ params: { id } }) => {
			const session = await operations.session(id);
			if (session === null) throw gone(id);
			return session;
		},
	);
	http.delete(
		'/sessions/:id',
		{ config: { role: 'write' }, schema: { summary: 'End a session now.', params, response: answers(done) } },
		async (request) => {
			const { id } = request.params;
			if (!(await operations.kill(id, nameOf(request)))) throw gone(id);
			return DONE;
		},
	);
}
