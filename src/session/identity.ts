import type { Endpoint } from '../core/address.ts';
import type { Outcome } from '../core/outcome.ts';
import type { AcceptedFacts, SessionAction, TlsFacts } from '../core/session-io.ts';
import type { ListenerSnapshot } from '../core/snapshot.ts';
import { lookupNetwork } from '../policy/network-table.ts';
import { type ClientHello, ClientHelloReader, MAX_HELLO_WIRE_BYTES } from '../wire/client-hello.ts';
import { POSTGRES_ACCEPT, POSTGRES_DECLINE, POSTGRES_REQUEST_BYTES, readPostgresStart } from '../wire/postgres.ts';
import { MAX_PROXY_HEADER_BYTES, readProxyHeader } from '../wire/proxy-protocol.ts';
import type { Awaited } from './stage.ts';

/** What reading has come to. */
export type Told =
	/** Read on: more than so many bytes are needed. */
	| { readonly type: 'more'; readonly beyond: number }
	| { readonly type: 'done' }
	| { readonly type: 'bad'; readonly outcome: Outcome; readonly detail: string };

/** The protocol that PostgreSQL's clients offer when they begin with TLS at once. */
const POSTGRES_ALPN = 'postgresql';

const DONE: Told = { type: 'done' };

/** Whom a client speaks for and what it wants: what its first bytes say, before any of them is passed on. */
export class Identity {
	/** The true source. */
	client: Endpoint;
	/** Where the client connected to, as far as that is known. */
	destination: Endpoint | null;
	hello: ClientHello | null = null;
	/** Our handshake with the client. */
	tls: TlsFacts | null = null;
	/** A PostgreSQL client asked for TLS in the clear, and was told to go on. */
	askedForTls = false;
	/** Of this session, in the headers that its backends get; null until there is one. */
	uniqueId: Uint8Array | null = null;
	/** So many of the bytes last read are still there. */
	unread = 0;
	private readonly listener: ListenerSnapshot;
	private reader: ClientHelloReader | null = null;
	private declined = false;
	private direct = false;

	constructor(listener: ListenerSnapshot, facts: AcceptedFacts) {
		this.listener = listener;
		this.client = facts.peer;
		this.destination = facts.local;
	}

	/** The peer must send a PROXY header first. */
	get speaksForOthers(): boolean {
		const { proxyProtocol } = this.listener;
		const { address } = this.client;
		return proxyProtocol !== null && address !== null && lookupNetwork(proxyProtocol.from, address) >= 0;
	}

	/** `bytes`: all that the client sent and nobody consumed. What was for us is consumed, and answered, through `out`. */
	read(awaited: Awaited, bytes: Uint8Array, out: SessionAction[]): Told {
		this.unread = bytes.length;
		if (awaited === 'proxy-header') return this.readHeader(bytes, out);
		const { tls } = this.listener;
		if (tls?.startTls === 'postgres' && !this.askedForTls && !this.direct) return this.readPostgres(bytes, out);
		return this.readHello(bytes);
	}

	private readHeader(bytes: Uint8Array, out: SessionAction[]): Told {
		const result = readProxyHeader(bytes);
		if (result.type === 'need-more') return more(bytes, MAX_PROXY_HEADER_BYTES, 'proxy-header-invalid');
		if (result.type === 'invalid') return { type: 'bad', outcome: 'proxy-header-invalid', detail: result.reason };
		const { addresses, bytes: length } = result.header;
		if (addresses !== null) {
			this.client = addresses.source;
			this.destination = addresses.destination;
		}
		this.consume(length, out);
		return DONE;
	}

	/** PostgreSQL's clients ask in the clear, and go on when they are told to. */
	private readPostgres(bytes: Uint8Array, out: SessionAction[]): Told {
		const start = readPostgresStart(bytes);
		switch (start.type) {
			case 'need-more':
				return { type: 'more', beyond: bytes.length };
			case 'direct':
				this.direct = true;
				return this.readHello(bytes);
			case 'gss-request':
				if (this.declined) return notPostgres('a second GSSENCRequest');
				this.declined = true;
				this.consume(POSTGRES_REQUEST_BYTES, out);
				out.push({ type: 'reply', bytes: POSTGRES_DECLINE });
				return { type: 'more', beyond: 0 };
			case 'ssl-request':
				// Somebody on the way could put them there, to be taken for what comes under TLS (CVE-2021-23222).
				if (bytes.length > POSTGRES_REQUEST_BYTES) return invalidHello('bytes behind SSLRequest, before its answer');
				this.askedForTls = true;
				this.consume(POSTGRES_REQUEST_BYTES, out);
				out.push({ type: 'reply', bytes: POSTGRES_ACCEPT });
				return { type: 'more', beyond: 0 };
			case 'other':
				return notPostgres('neither SSLRequest nor a ClientHello');
		}
	}

	private consume(bytes: number, out: SessionAction[]): void {
		this.unread -= bytes;
		out.push({ type: 'consume', bytes });
	}

	private readHello(bytes: Uint8Array): Told {
		this.reader ??= new ClientHelloReader();
		const result = this.reader.read(bytes);
		if (result.type === 'need-more') return more(bytes, MAX_HELLO_WIRE_BYTES, 'client-hello-invalid');
		if (result.type === 'invalid') return { type: 'bad', outcome: result.outcome, detail: result.reason };
		if (this.direct && !result.hello.alpn.includes(POSTGRES_ALPN))
			return invalidHello(`TLS without SSLRequest must offer ALPN ${POSTGRES_ALPN}`);
		this.hello = result.hello;
		this.reader = null;
		return DONE;
	}
}

/** How much is read at most while this is awaited. */
export const mostBytes = (awaited: Awaited): number =>
	awaited === 'proxy-header' ? MAX_PROXY_HEADER_BYTES : MAX_HELLO_WIRE_BYTES;

/** Readers refuse what is too long by themselves; this one is for those that would not. */
const more = (bytes: Uint8Array, most: number, outcome: Outcome): Told =>
	bytes.length < most
		? { type: 'more', beyond: bytes.length }
		: { type: 'bad', outcome, detail: `longer than ${most} bytes` };

const invalidHello = (detail: string): Told => ({ type: 'bad', outcome: 'client-hello-invalid', detail });
const notPostgres = (detail: string): Told => ({ type: 'bad', outcome: 'not-tls', detail });
