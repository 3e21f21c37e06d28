import { X509Certificate } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Admittance, type Caller } from './access.ts';
import { clientKey } from './client-key.ts';
import { isForeignFetch, isOurHost, isOurOrigin } from './origin.ts';
import { Refused } from './refusals.ts';
import type { AdminTerms, Role } from './terms.ts';

declare module 'fastify' {
	interface FastifyContextConfig {
		/** What a caller must be allowed for this route; `anyone`: no token is needed. */
		readonly role?: Role | 'anyone';
		/** For who watches the process from outside: a flood must not hide whether it lives. It has to cost nothing. */
		readonly uncounted?: boolean;
		/** It costs much: not for callers without a name, and far fewer of them. */
		readonly costly?: boolean;
	}
	interface FastifyRequest {
		caller: Caller | null;
	}
}

/** How many requests one client, see `clientKey`, may make in `RATE_WINDOW_MS`. */
export interface RequestRates {
	/** A dashboard makes about six a second. */
	readonly all: number;
	/** Of those that cost much. */
	readonly costly: number;
}

const RATES: RequestRates = { all: 600, costly: 20 };
const RATE_WINDOW_MS = 10_000;

/** Everything that is checked before a route sees a request. What it knows may change while the server runs. */
export class Guard {
	readonly #unix: boolean;
	readonly #scheme: 'http' | 'https';
	#admittance: Admittance;
	#names: readonly string[];
	readonly #rates: RequestRates;
	#all: Limiter | null = null;

	constructor(terms: AdminTerms, rates: RequestRates = RATES) {
		this.#rates = rates;
		this.#unix = terms.bind.type === 'unix';
		this.#scheme = terms.tls === null ? 'http' : 'https';
		this.#admittance = new Admittance(terms);
		this.#names = namesOf(terms);
	}

	/** Other tokens, other certificate: from the next request on, on open connections, too. */
	adopt(terms: AdminTerms): void {
		this.#admittance = new Admittance(terms);
		this.#names = namesOf(terms);
	}

	/** Refusals count as well: what is counted comes before what is refused. Needs `@fastify/rate-limit`. */
	stand(http: FastifyInstance): void {
		const common = { timeWindow: RATE_WINDOW_MS, keyGenerator: ({ socket }: FastifyRequest) => keyOf(socket) };
		const costly = http.createRateLimit({ ...common, max: this.#rates.costly });
		this.#all = http.createRateLimit({ ...common, max: this.#rates.all });
		http.addHook('onRequest', async (request) => {
			const { config } = request.routeOptions;
			if (config.uncounted !== true) await this.count(request);
			this.#check(request);
			if (config.costly === true) await countBy(costly, request);
		});
	}

	/** @throws Refused when its client has made too many. */
	async count(request: FastifyRequest): Promise<void> {
		if (this.#all !== null) await countBy(this.#all, request);
	}

	/** @throws Refused */
	#check(request: FastifyRequest): void {
		const { host, origin, authorization } = request.headers;
		if (!this.#unix && !isOurHost(host, this.#names))
			throw new Refused(421, 'wrong-host', `Host ${host}: this server has no such name`);
		if (!isOurOrigin(origin, host, this.#scheme))
			throw new Refused(403, 'wrong-origin', 'requests of other pages are refused');
		const { role = 'read', costly = false } = request.routeOptions.config;
		// A link from elsewhere may lead to the page itself.
		if (role === 'anyone') return;
		if (isForeignFetch(request.headers['sec-fetch-site']))
			throw new Refused(403, 'wrong-origin', 'requests of other pages are refused');
		const address = request.socket.remoteAddress;
		request.caller = this.#admittance.admit({ authorization, address, unix: this.#unix });
		if (request.caller === null || (costly && !request.caller.known))
			throw new Refused(401, 'unauthorized', 'a token is needed: Authorization: Bearer TOKEN', CHALLENGE);
		if (!request.caller.roles.has(role)) throw new Refused(403, 'forbidden', `this needs a token with role ${role}`);
		if (isWrite(request) && !isJson(request.headers['content-type']))
			throw new Refused(415, 'not-json', 'writes need Content-Type: application/json');
	}
}

const CHALLENGE = { 'www-authenticate': 'Bearer realm="sluice"' };

type Limiter = ReturnType<FastifyInstance['createRateLimit']>;

async function countBy(limiter: Limiter, request: FastifyRequest): Promise<void> {
	const counted = await limiter(request);
	if (counted.isAllowed || !counted.isExceeded) return;
	const seconds = counted.ttlInSeconds;
	const again = `too many requests: try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}`;
	throw new Refused(429, 'too-many-requests', again, { 'retry-after': String(seconds) });
}

/** Looked up once for a connection. */
const keys = new WeakMap<object, string>();

function keyOf(socket: FastifyRequest['socket']): string {
	const key = keys.get(socket) ?? clientKey(socket.remoteAddress);
	keys.set(socket, key);
	return key;
}

const isWrite = ({ method }: FastifyRequest): boolean => method !== 'GET' && method !== 'HEAD';

const isJson = (type: string | undefined): boolean => /^application\/json\s*(;|$)/i.test(type ?? '');

const namesOf = ({ tls }: AdminTerms): string[] =>
	tls === null
		? []
		: (new X509Certificate(tls.certificate).subjectAltName ?? '')
				.split(', ')
				.flatMap((name) => (name.startsWith('DNS:') ? [name.slice(4).toLowerCase()] : []));
