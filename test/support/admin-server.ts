import { type ClientRequest, request as inTheClear } from 'node:http';
import { request as secured } from 'node:https';
import type { Test } from 'tap';
import type { Operations } from '../../src/control/admin/operations.ts';
import { AdminServer, type AdminServerOptions } from '../../src/control/admin/server.ts';
import type { AdminTerms } from '../../src/control/admin/terms.ts';
import { fakeOperations } from './fake-operations.ts';

export interface Asked {
	readonly method?: string;
	readonly path: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: unknown;
	/** Where it is asked from; all of 127.0.0.0/8 is loopback. */
	readonly from?: string;
}

export interface Answer {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly text: string;
	/** Null where the answer is no JSON. */
	readonly json: Readonly<Record<string, unknown>> | null;
}

export const READ = 'read-token-0123456789';
export const WRITE = 'write-token-0123456789';
export const TOKENS: AdminTerms['tokens'] = [
	{ role: 'read', token: READ },
	{ role: 'write', token: WRITE },
];

/** An admin server on a free port of loopback, and a way to ask it; what it does goes to `asked`. */
export async function started(
	t: Test,
	terms: Partial<AdminTerms> = {},
	answers: Partial<Operations> = {},
	more: Partial<AdminServerOptions> = {},
) {
	const { asked, operations } = fakeOperations(answers);
	const warnings: string[] = [];
	const server = await AdminServer.open({
		terms: { bind: { type: 'tcp', host: '127.0.0.1', port: 0 }, tokens: [], tls: null, ...terms },
		operations,
		log: { warn: (msg, fields) => void warnings.push(`${msg} ${JSON.stringify(fields)}`) },
		version: '1.2.3',
		metrics: async () => ({ type: 'text/plain; version=0.0.4', text: 'sluice_up 1\n' }),
		...more,
	});
	t.teardown(() => server.close());
	const place = server.address.startsWith('unix:')
		? { socketPath: server.address.slice('unix:'.length) }
		: { host: '127.0.0.1', port: Number(server.address.split(':').at(-1)) };
	const request: typeof secured = terms.tls == null ? inTheClear : secured;
	const ask = ({ method = 'GET', path, headers = {}, body, from }: Asked): Promise<Answer> =>
		new Promise((resolve, reject) => {
			const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
			const length = text === null ? {} : { 'content-length': Buffer.byteLength(text) };
			const typed = text === null && method === 'GET' ? {} : { 'content-type': 'application/json', ...length };
			const sent: ClientRequest = request(
				{
					...place,
					method,
					path,
					headers: { ...typed, ...headers },
					agent: false,
					rejectUnauthorized: false,
					...(from === undefined ? {} : { localAddress: from }),
				},
				(got) => {
					let all = '';
					got.setEncoding('utf8').on('data', (part: string) => {
						all += part;
					});
					got.on('end', () => {
						const json = String(got.headers['content-type']).includes('json') ? JSON.parse(all) : null;
						resolve({ status: got.statusCode ?? 0, headers: got.headers, text: all, json });
					});
				},
			);
			sent.on('error', reject).end(text ?? undefined);
		});
	return { ask, asked, warnings, server, place };
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
