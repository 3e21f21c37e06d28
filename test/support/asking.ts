import { type ClientRequest, request as inTheClear } from 'node:http';
import { request as secured } from 'node:https';

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

/** A way to ask the admin server at this address, `unix:/path` or `127.0.0.1:port`; each request has a connection of its own. */
export function asking(address: string, { secure = false }: { readonly secure?: boolean } = {}) {
	const place = address.startsWith('unix:')
		? { socketPath: address.slice('unix:'.length) }
		: { host: '127.0.0.1', port: Number(address.split(':').at(-1)) };
	const request: typeof secured = secure ? secured : inTheClear;
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
	return { ask, place };
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
