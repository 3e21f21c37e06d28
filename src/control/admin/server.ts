import { X509Certificate } from 'node:crypto';
import { chmodSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import {
	createJsonSchemaTransform,
	hasZodFastifySchemaValidationErrors,
	serializerCompiler,
	validatorCompiler,
} from 'fastify-type-provider-zod';
import { formatTarget } from '../../core/address.ts';
import { bindCause } from '../../core/bind-failure.ts';
import { ConfigError, EXIT, errorText, SluiceError } from '../../core/errors.ts';
import { removeStaleSocket } from '../bind.ts';
import type { Log } from '../log.ts';
import { Admittance, type Caller } from './access.ts';
import type { Operations } from './operations.ts';
import { isOurHost, isOurOrigin } from './origin.ts';
import { addRoutes } from './routes/index.ts';
import type { AdminTerms, Role } from './terms.ts';

declare module 'fastify' {
	interface FastifyContextConfig {
		/** What a caller must be allowed for this route; `anyone`: no token is needed. */
		readonly role?: Role | 'anyone';
	}
	interface FastifyRequest {
		caller: Caller | null;
	}
}

export interface AdminServerOptions {
	readonly terms: AdminTerms;
	readonly operations: Operations;
	readonly log: Pick<Log, 'warn'>;
	readonly version: string;
	/** The text of `/metrics`. */
	metrics(): Promise<{ readonly type: string; readonly text: string }>;
}

/** Of a body; a candidate configuration for `diff` is the largest. */
const BODY_LIMIT = 4 * 1_048_576;
/** A client that is slower than this is gone. */
const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS = 256;
/** Requests of one address in `RATE_WINDOW`; a dashboard makes one a second. */
const RATE = 600;
const RATE_WINDOW = '10 seconds';

/** The HTTP side of `Operations`: one listening socket, in the control plane. */
export class AdminServer {
	readonly #http: FastifyInstance;
	readonly #terms: AdminTerms;

	private constructor(http: FastifyInstance, terms: AdminTerms) {
		this.#http = http;
		this.#terms = terms;
	}

	/** @throws SluiceError exit code 2 when it cannot listen there. */
	static async open(options: AdminServerOptions): Promise<AdminServer> {
		const { terms } = options;
		const http = await build(options);
		const server = new AdminServer(http, terms);
		try {
			await server.#listen();
		} catch (error) {
			await http.close();
			const code = (error as NodeJS.ErrnoException).code ?? '';
			const text = `admin: cannot bind ${formatTarget(terms.bind)}: ${bindCause(code) ?? errorText(error)}`;
			throw new SluiceError('cannot-bind', text, { exitCode: EXIT.cannotStart, cause: error });
		}
		return server;
	}

	/** Where it listens, with the real port. */
	get address(): string {
		const { bind } = this.#terms;
		if (bind.type === 'unix') return formatTarget(bind);
		return formatTarget({ ...bind, port: (this.#http.server.address() as AddressInfo).port });
	}

	/** Answers what is being asked for a moment longer, then closes whatever is open. */
	async close(): Promise<void> {
		this.#http.server.closeIdleConnections();
		const late = setTimeout(() => this.#http.server.closeAllConnections(), 500);
		await this.#http.close();
		clearTimeout(late);
	}

	async #listen(): Promise<void> {
		const { bind } = this.#terms;
		if (bind.type === 'tcp') {
			await this.#http.listen({ host: bind.host, port: bind.port });
			return;
		}
		await removeStaleSocket(bind.path);
		// Nobody but the owner may open it, not even for the moment before chmod(2).
		const before = process.umask(0o177);
		try {
			await this.#http.listen({ path: bind.path });
			chmodSync(bind.path, 0o600);
		} finally {
			process.umask(before);
		}
	}
}

async function build(options: AdminServerOptions): Promise<FastifyInstance> {
	const { terms, version } = options;
	const http = instanceOf(terms);
	http.server.maxConnections = CONNECTIONS;
	http.setValidatorCompiler(validatorCompiler);
	http.setSerializerCompiler(serializerCompiler);
	takeEmptyBodies(http);
	http.decorateRequest('caller', null);
	guard(http, options);
	http.setErrorHandler((error, request, reply) => answerError(error, request, reply, options.log));
	http.setNotFoundHandler(async (request, reply) =>
		reply
			.code(404)
			.send({ code: 'not-found', message: `${request.method} ${pathOf(request)}: there is no such route` }),
	);
	await http.register(rateLimit, {
		max: RATE,
		timeWindow: RATE_WINDOW,
		keyGenerator: ({ socket }) => socket.remoteAddress ?? 'unix',
		errorResponseBuilder: (_request, { after }) =>
			new SluiceError('too-many-requests', `too many requests: try again in ${after}`),
	});
	await http.register(swagger, {
		openapi: {
			openapi: '3.1.0',
			info: { title: 'Sluice', description: 'What a running balancer shows and does.', version },
			components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
			security: [{ token: [] }],
		},
		transform: createJsonSchemaTransform({}),
	});
	await http.register((scope, _options, done) => {
		addRoutes(scope, options);
		done();
	});
	await http.ready();
	return http;
}

function instanceOf({ tls }: AdminTerms): FastifyInstance {
	const common = {
		bodyLimit: BODY_LIMIT,
		requestTimeout: REQUEST_TIMEOUT_MS,
		connectionTimeout: 60_000,
		keepAliveTimeout: 30_000,
		forceCloseConnections: 'idle' as const,
		logger: false,
	};
	if (tls === null) return fastify(common);
	const secured = fastify({ ...common, https: { cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' } });
	return secured as unknown as FastifyInstance<Server>;
}

/** An order that has nothing to say may have no body: `{}`. */
function takeEmptyBodies(http: FastifyInstance): void {
	const parse = http.getDefaultJsonParser('error', 'error');
	http.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
		if (body === '') done(null, {});
		else void parse(request, body, done);
	});
}

/** Everything that is checked before a route sees the request. */
function guard(http: FastifyInstance, { terms }: AdminServerOptions): void {
	const admittance = new Admittance(terms);
	const unix = terms.bind.type === 'unix';
	const names = terms.tls === null ? [] : namesOf(terms.tls.certificate);
	const scheme = terms.tls === null ? 'http' : 'https';
	http.addHook('onRequest', async (request) => {
		const { host, origin, authorization } = request.headers;
		if (!unix && !isOurHost(host, names))
			throw new Refused(421, 'wrong-host', `Host ${host}: this server has no such name`);
		if (!isOurOrigin(origin, host, scheme))
			throw new Refused(403, 'wrong-origin', 'requests of other pages are refused');
		const address = request.socket.remoteAddress;
		request.caller = admittance.admit({ authorization, address, unix });
		const { role = 'read' } = request.routeOptions.config;
		if (role === 'anyone') return;
		if (request.caller === null)
			throw new Refused(401, 'unauthorized', 'a token is needed: Authorization: Bearer TOKEN');
		if (!request.caller.roles.has(role)) throw new Refused(403, 'forbidden', `this needs a token with role ${role}`);
		if (isWrite(request) && !isJson(request.headers['content-type']))
			throw new Refused(415, 'not-json', 'writes need Content-Type: application/json');
	});
}

const isWrite = ({ method }: FastifyRequest): boolean => method !== 'GET' && method !== 'HEAD';

const isJson = (type: string | undefined): boolean => /^application\/json\s*(;|$)/i.test(type ?? '');

const namesOf = (pem: string): string[] =>
	(new X509Certificate(pem).subjectAltName ?? '')
		.split(', ')
		.flatMap((name) => (name.startsWith('DNS:') ? [name.slice(4).toLowerCase()] : []));

/** Turned away by a guard. */
class Refused extends SluiceError {
	readonly statusCode: number;

	constructor(statusCode: number, code: string, message: string) {
		super(code, message);
		this.statusCode = statusCode;
	}
}

/** What an operation's error is in HTTP. */
const STATUS: ReadonlyMap<string, number> = new Map([
	['not-found', 404],
	['refused', 409],
	['restart-needed', 409],
	['stopping', 409],
	['config-invalid', 422],
	['config-unreadable', 422],
	['too-many-requests', 429],
]);

function answerError(
	error: unknown,
	request: FastifyRequest,
	reply: FastifyReply,
	log: Pick<Log, 'warn'>,
): FastifyReply {
	if (hasZodFastifySchemaValidationErrors(error)) {
		const message = error.validation
			.map(({ instancePath, message }) => `${instancePath || '/'}: ${message}`)
			.join('; ');
		return reply.code(400).send({ code: 'bad-request', message });
	}
	if (error instanceof Refused) {
		if (error.statusCode === 401) void reply.header('www-authenticate', 'Bearer realm="sluice"');
		return reply.code(error.statusCode).send({ code: error.code, message: error.message });
	}
	if (error instanceof ConfigError) {
		return reply.code(422).send({ code: error.code, message: error.message, problems: error.problems });
	}
	if (error instanceof SluiceError) {
		return reply.code(STATUS.get(error.code) ?? 500).send({ code: error.code, message: error.message });
	}
	const { statusCode = 500, code = 'internal' } = error as { statusCode?: number; code?: string };
	if (statusCode < 500) return reply.code(statusCode).send({ code, message: errorText(error) });
	log.warn('admin request failed', { method: request.method, path: pathOf(request), reason: errorText(error) });
	return reply.code(500).send({ code: 'internal', message: 'internal error; the log says more' });
}

const pathOf = ({ url }: FastifyRequest): string => url.split('?')[0] ?? url;
