import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { z } from 'zod';
import { isLoopback } from '../../control/admin/access.ts';
import { fileFault } from '../../control/file-faults.ts';
import { EXIT, errorText, SluiceError } from '../../core/errors.ts';

/** Where commands look when they are told nothing else. */
export const DEFAULT_ADMIN = '127.0.0.1:9900';

/** How long the process may take to answer; a reload may wait for lookups. */
const PATIENCE_MS = 30_000;
/** No answer is longer. */
const MAX_ANSWER_BYTES = 64 * 1_048_576;

export interface AdminPlace {
	/** `127.0.0.1:9900`, `https://host:9900` or `unix:/run/sluice.sock`. */
	readonly admin: string;
	/** `env:NAME` or `file:PATH`; on a command line a token itself would be seen by everybody. */
	readonly token: string | null;
	/** A file with the CA that the server's certificate leads to; null: the system's. */
	readonly ca: string | null;
}

type Connection =
	| { readonly secure: boolean; readonly host: string; readonly port: string }
	| { readonly secure: false; readonly socketPath: string };

/** Asks a running balancer by its admin API. */
export class AdminClient {
	readonly #place: AdminPlace;
	readonly #connection: Connection;
	readonly #token: string | null;
	readonly #ca: string | null;

	/** @throws SluiceError when the address, the token or the CA cannot be used. */
	constructor(place: AdminPlace) {
		this.#place = place;
		this.#connection = parsePlace(place.admin);
		this.#token = place.token === null ? null : readToken(place.token);
		if (this.#token !== null) refuseInTheClear(place.admin, this.#connection);
		this.#ca = place.ca === null ? null : readOrTell(place.ca, '--ca');
	}

	get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
		return this.#ask('GET', path, undefined, schema);
	}

	send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
		return this.#ask(method, path, body ?? {}, schema);
	}

	async #ask<T>(method: string, path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
		const { status, text } = await this.#exchange(method, path, body === undefined ? null : JSON.stringify(body));
		const json = parseJson(text);
		if (status >= 300) throw refusalOf(status, json, this.#place.admin);
		const result = schema.safeParse(json);
		if (result.success) return result.data;
		throw new SluiceError(
			'admin-answer',
			`${this.#place.admin}: ${path}: the answer is not one of this version of sluice`,
			{
				exitCode: EXIT.cannotStart,
			},
		);
	}

	#exchange(method: string, path: string, body: string | null): Promise<{ status: number; text: string }> {
		return new Promise((resolve, reject) => {
			const headers = {
				...(body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
				...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
			};
			const { secure, ...where } = this.#connection;
			const options = {
				...where,
				method,
				path,
				headers,
				timeout: PATIENCE_MS,
				...(this.#ca === null ? {} : { ca: this.#ca }),
			};
			const hear = (answer: IncomingMessage): void => {
				readAll(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), fail);
			};
			const fail = (error: unknown): void => reject(unreachable(this.#place.admin, error));
			const sent = secure ? httpsRequest(options, hear) : httpRequest(options, hear);
			sent.on('timeout', () => sent.destroy(new Error(`no answer within ${PATIENCE_MS / 1_000} s`)));
			sent.on('error', fail).end(body ?? undefined);
		});
	}
}

async function readAll(answer: IncomingMessage): Promise<string> {
	const parts: Buffer[] = [];
	let length = 0;
	for await (const part of answer as AsyncIterable<Buffer>) {
		length += part.length;
		if (length > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
		parts.push(part);
	}
	return Buffer.concat(parts).toString('utf8');
}

function parsePlace(admin: string): Connection {
	if (admin.startsWith('unix:')) return { secure: false, socketPath: admin.slice('unix:'.length) };
	const url = URL.parse(/^https?:\/\//.test(admin) ? admin : `http://${admin}`);
	if (url === null || url.pathname !== '/' || url.hostname === '')
		throw new SluiceError('bad-address', `--admin ${admin}: expected HOST:PORT, https://HOST:PORT or unix:/PATH`);
	const secure = url.protocol === 'https:';
	return { secure, host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || (secure ? '443' : '9900') };
}

/** A token in the clear belongs to whoever is on the way. */
function refuseInTheClear(admin: string, connection: Connection): void {
	if (connection.secure || 'socketPath' in connection) return;
	const { host, port } = connection;
	if (host === 'localhost' || (isIP(host) !== 0 && isLoopback(host))) return;
	const text = `--admin ${admin}: a token is not sent in the clear to another machine: say https://${isIP(host) === 6 ? `[${host}]` : host}:${port}, or reach it by a unix socket or a tunnel to 127.0.0.1`;
	throw new SluiceError('token-in-the-clear', text);
}

function readToken(reference: string): string {
	const [kind, ...rest] = reference.split(':');
	const name = rest.join(':');
	if (kind === 'file' && name !== '') return readOrTell(name, '--token').trim();
	if (kind !== 'env' || name === '')
		throw new SluiceError('bad-token', '--token: expected env:NAME or file:PATH, never the token itself');
	const token = process.env[name];
	if (token !== undefined && token !== '') return token;
	throw new SluiceError('bad-token', `--token env:${name}: the environment has no ${name}`);
}

function readOrTell(path: string, option: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch (error) {
		throw new SluiceError('file-unreadable', `${option} ${path}: cannot be read: ${fileFault(error)}`);
	}
}

function unreachable(admin: string, error: unknown): SluiceError {
	const { code } = error as NodeJS.ErrnoException;
	const why = code === 'ECONNREFUSED' || code === 'ENOENT' ? 'nobody listens there' : errorText(error);
	const text = `cannot reach sluice at ${admin}: ${why}; is it running with \`admin\`, and is --admin right?`;
	return new SluiceError('unreachable', text, { exitCode: EXIT.cannotStart });
}

function refusalOf(status: number, json: unknown, admin: string): SluiceError {
	const { code, message } = (json ?? {}) as { code?: unknown; message?: unknown };
	const text = typeof message === 'string' ? message : `answered ${status}`;
	const hint = status === 401 || status === 403 ? '; --token env:NAME gives one' : '';
	return new SluiceError(typeof code === 'string' ? code : 'admin-refused', `${admin}: ${text}${hint}`);
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
}
