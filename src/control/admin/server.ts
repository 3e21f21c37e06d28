import { chmodSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import { type FastifyInstance, type FastifyServerOptions, fastify } from 'fastify';
import { createJsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { formatTarget } from '../../core/address.ts';
import { bindCause } from '../../core/bind-failure.ts';
import { EXIT, errorText, SluiceError } from '../../core/errors.ts';
import { removeStaleSocket } from '../bind.ts';
import type { Log } from '../log.ts';
import { CONNECTION_CAPS, type ConnectionCaps, Connections } from './connections.ts';
import { Guard, type RequestRates } from './guard.ts';
import type { Operations } from './operations.ts';
import { answerError, pathOf } from './refusals.ts';
import { addRoutes } from './routes/index.ts';
import type { AdminTerms } from './terms.ts';

export interface AdminServerOptions {
	readonly terms: AdminTerms;
	readonly operations: Operations;
	readonly log: Pick<Log, 'warn'>;
	readonly version: string;
	/** The text of `/metrics`. */
	metrics(): Promise<{ readonly type: string; readonly text: string }>;
	/** In place of those of life, for tests. */
	readonly rates?: RequestRates;
	readonly caps?: ConnectionCaps;
	readonly patience?: ClientPatience;
}

/** How long a client may take, in milliseconds. */
export interface ClientPatience {
	/** For a TLS handshake, and for the head of a request, also of one that never begins. */
	readonly headMs: number;
	/** For a whole request. */
	readonly requestMs: number;
	/** Between an answer and the next request. */
	readonly keepAliveMs: number;
	/** To take any part of an answer, which the longest reload has to begin within. */
	readonly stuckMs: number;
	/** How often the first two are looked at. */
	readonly lookMs: number;
}

const PATIENCE: ClientPatience = {
	headMs: 5_000,
	requestMs: 10_000,
	keepAliveMs: 15_000,
	stuckMs: 60_000,
	lookMs: 1_000,
};

/** Of a body, but where a route says otherwise. */
const BODY_LIMIT = 64 * 1_024;
/** Of a name in a path: a pool's and a host name with its port. */
const PARAMETER_LIMIT = 512;

const SECURE = { minVersion: 'TLSv1.2' } as const;

/** The HTTP side of `Operations`: one listening socket, in the control plane. */
export class AdminServer {
	readonly #http: FastifyInstance;
	readonly #guard: Guard;
	#terms: AdminTerms;

	private constructor(http: FastifyInstance, guard: Guard, terms: AdminTerms) {
		this.#http = http;
		this.#guard = guard;
		this.#terms = terms;
	}

	/** @throws SluiceError exit code 2 when it cannot listen there. */
	static async open(options: AdminServerOptions): Promise<AdminServer> {
		const { terms } = options;
		const guard = new Guard(terms, options.rates);
		const http = await build(options, guard);
		const server = new AdminServer(http, guard, terms);
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

	/** Other tokens from the next request on, and another certificate from the next handshake on; not another address. */
	adopt(terms: AdminTerms): void {
		this.#guard.adopt(terms);
		const { tls } = terms;
		if (tls !== null && this.#terms.tls !== null)
			(this.#http.server as unknown as SecureServer).setSecureContext({
				...SECURE,
				cert: tls.certificate,
				key: tls.key,
			});
		this.#terms = { ...this.#terms, tokens: terms.tokens, tls: this.#terms.tls && (tls ?? this.#terms.tls) };
	}

	/** Its address is free for another one from now on; what is open goes on. `close` follows. */
	release(): void {
		if (this.#http.server.listening) this.#http.server.close();
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

async function build(options: AdminServerOptions, guard: Guard): Promise<FastifyInstance> {
	const { version, log } = options;
	const http = instanceOf(options, guard);
	http.setValidatorCompiler(validatorCompiler);
	http.setSerializerCompiler(serializerCompiler);
	takeEmptyBodies(http);
	http.decorateRequest('caller', null);
	await http.register(rateLimit, { global: false });
	guard.stand(http);
	followConnections(http, new Connections(options.caps ?? CONNECTION_CAPS));
	http.setErrorHandler((error, request, reply) => answerError(error, request, reply, log));
	http.setNotFoundHandler(async (request, reply) =>
		reply
			.code(404)
			.send({ code: 'not-found', message: `${request.method} ${pathOf(request)}: there is no such route` }),
	);
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

function instanceOf({ terms, patience = PATIENCE, log }: AdminServerOptions, guard: Guard): FastifyInstance {
	const { tls } = terms;
	const inTime = { headersTimeout: patience.headMs, connectionsCheckingInterval: patience.lookMs };
	const common = {
		bodyLimit: BODY_LIMIT,
		routerOptions: { maxParamLength: PARAMETER_LIMIT },
		requestTimeout: patience.requestMs,
		connectionTimeout: patience.stuckMs,
		keepAliveTimeout: patience.keepAliveMs,
		forceCloseConnections: 'idle' as const,
		logger: false,
		// What is refused before any hook has seen it.
		frameworkErrors: (error, request, reply) => {
			guard.count(request).then(
				() => answerError(error, request, reply, log),
				(refused) => answerError(refused, request, reply, log),
			);
		},
	} satisfies FastifyServerOptions;
	if (tls === null) return fastify({ ...common, http: inTime });
	const { certificate: cert, key } = tls;
	const https = { ...inTime, ...SECURE, cert, key, handshakeTimeout: patience.headMs };
	return fastify({ ...common, https }) as unknown as FastifyInstance<Server>;
}

/** From the moment a request has come whole until it is answered its connection is not idle. */
function followConnections(http: FastifyInstance, connections: Connections): void {
	connections.follow(http.server);
	http.addHook('preHandler', async ({ raw }, reply) => {
		connections.asked(raw.socket);
		reply.raw.once('close', () => connections.answered(raw.socket));
	});
}

/** An order that has nothing to say may have no body: `{}`. */
function takeEmptyBodies(http: FastifyInstance): void {
	const parse = http.getDefaultJsonParser('error', 'error');
	http.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
		if (body === '') done(null, {});
		else void parse(request, body, done);
	});
}
