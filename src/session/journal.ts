import type { Endpoint } from '../core/address.ts';
import type { ConnectFailure } from '../core/outcome.ts';
import type { AcceptedFacts, TlsFacts } from '../core/session-io.ts';
import type { BackendSnapshot, ListenerSnapshot, PoolSnapshot, SlotRef, Snapshot } from '../core/snapshot.ts';
import type { Admission } from '../policy/admission.ts';
import type { Placement } from '../policy/place.ts';
import type { ClientHello } from '../wire/client-hello.ts';

/** What is kept of a place that the session passed. */
export interface Passed {
	readonly name: string;
	readonly slot: SlotRef;
}

/**
 * What a session learns on its way and its access record tells in the end. Times are monotonic. A long session
 * keeps this when its snapshot is replaced: names and slots, but for `tried`, which is dropped when the relay begins.
 */
export class Journal {
	readonly listener: Passed;
	readonly accessLog: Snapshot['accessLog'];
	readonly facts: AcceptedFacts;
	readonly acceptedNs: number;
	/** The true source: the peer, until a PROXY header says otherwise. */
	client: Endpoint;
	/** Bytes of it are there that nobody has consumed. */
	clientBytes = false;
	/** Its FIN has come. */
	clientEnded = false;
	backendEnded = false;
	sni: string | null = null;
	/** What was agreed on; before that, and of TLS that passes through, what the client offers. */
	alpn: string | null = null;
	/** Version and cipher of our handshake with the client. */
	tls: string | null = null;
	country: string | null = null;
	/** Among the sessions of its country now. */
	countryCounted = false;
	/** Bytes that the places on the way have been told of. */
	toldUpload = 0;
	toldDownload = 0;
	region: Passed | null = null;
	/** Its name. */
	route: string | null = null;
	pool: Passed | null = null;
	backend: Passed | null = null;
	/** Connects tried. */
	attempts = 0;
	/** Time in queues, all waits together, while not in one; null: never waited. */
	queuedNs: number | null = null;
	private queueStartNs = 0;
	connectStartNs = 0;
	/** Duration of the connect that succeeded; null before. */
	connectNs: number | null = null;
	relayNs = 0;
	eofNs = 0;
	lastFailure: { readonly cause: ConnectFailure | 'tls'; readonly text: string } | null = null;
	/** Backends that failed this session. */
	tried: readonly BackendSnapshot[] = NONE_TRIED;

	constructor(listener: ListenerSnapshot, accessLog: Snapshot['accessLog'], facts: AcceptedFacts, nowNs: number) {
		this.listener = passed(listener);
		this.accessLog = accessLog;
		this.facts = facts;
		this.client = facts.peer;
		this.acceptedNs = nowNs;
	}

	identify(admission: Admission, snapshot: Snapshot): void {
		this.country = admission.country;
		const region = admission.region === null ? undefined : snapshot.regions[admission.region];
		this.region = region === undefined ? null : passed(region);
	}

	/** Waits for a place at any backend of this pool. */
	queued(pool: PoolSnapshot, nowNs: number): void {
		this.pool = passed(pool);
		this.backend = null;
		this.queueStartNs = nowNs;
	}

	/** Answers how long this wait was. */
	unqueued(nowNs: number): number {
		const waitedNs = nowNs - this.queueStartNs;
		this.queuedNs = (this.queuedNs ?? 0) + waitedNs;
		return waitedNs;
	}

	connecting(placement: Placement, nowNs: number): void {
		this.pool = passed(placement.pool);
		this.backend = passed(placement.backend);
		this.attempts += 1;
		this.connectStartNs = nowNs;
		this.connectNs = null;
	}

	connectFailed(backend: BackendSnapshot, cause: ConnectFailure | 'tls', code: string): void {
		this.lastFailure = { cause, text: `${backend.name}: ${cause} (${code})` };
		if (cause !== 'own-shortage') this.tried = [...this.tried, backend];
	}

	/** Answers how long it took. */
	connected(nowNs: number): number {
		this.connectNs = nowNs - this.connectStartNs;
		return this.connectNs;
	}

	relaying(nowNs: number): void {
		this.relayNs = nowNs;
		this.tried = NONE_TRIED;
	}

	helloRead(hello: ClientHello | null): void {
		this.sni = hello?.serverName ?? null;
		this.alpn = hello === null || hello.alpn.length === 0 ? null : listed(hello.alpn);
	}

	/** What comes from now on is what was inside. */
	secured({ version, cipher, alpn }: TlsFacts): void {
		this.tls = `${version} ${cipher}`;
		this.alpn = alpn;
		this.clientBytes = false;
	}
}

/** A ClientHello has room for 64 KiB of them, and a long session keeps them. */
const MAX_LISTED = 255;

function listed(protocols: readonly string[]): string {
	let text = '';
	for (const protocol of protocols) {
		if (text.length + protocol.length > MAX_LISTED) return `${text},...`;
		text = text === '' ? protocol : `${text},${protocol}`;
	}
	return text;
}

const passed = ({ name, slot }: Passed): Passed => ({ name, slot });

const NONE_TRIED: readonly BackendSnapshot[] = [];
