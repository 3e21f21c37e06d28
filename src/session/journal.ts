import type { ConnectFailure } from '../core/outcome.ts';
import type { AcceptedFacts } from '../core/session-io.ts';
import type {
	BackendSnapshot,
	ListenerSnapshot,
	PoolSnapshot,
	RegionSnapshot,
	RouteSnapshot,
	Snapshot,
} from '../core/snapshot.ts';
import type { Admission } from '../policy/admission.ts';
import type { Placement } from '../policy/place.ts';

/** What a session learns on its way and its access record tells in the end. Times are monotonic. */
export class Journal {
	readonly listener: ListenerSnapshot;
	readonly facts: AcceptedFacts;
	readonly acceptedNs: number;
	country: string | null = null;
	region: RegionSnapshot | null = null;
	route: RouteSnapshot | null = null;
	pool: PoolSnapshot | null = null;
	backend: BackendSnapshot | null = null;
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
	lastFailure: { readonly cause: ConnectFailure; readonly text: string } | null = null;
	/** Backends that failed this session. */
	tried: readonly BackendSnapshot[] = NONE_TRIED;

	constructor(listener: ListenerSnapshot, facts: AcceptedFacts, nowNs: number) {
		this.listener = listener;
		this.facts = facts;
		this.acceptedNs = nowNs;
	}

	identify(admission: Admission, snapshot: Snapshot): void {
		this.country = admission.country;
		this.region = admission.region === null ? null : (snapshot.regions[admission.region] ?? null);
	}

	/** Waits for a place at any backend of this pool. */
	queued(pool: PoolSnapshot, nowNs: number): void {
		this.pool = pool;
		this.backend = null;
		this.queueStartNs = nowNs;
	}

	unqueued(nowNs: number): void {
		this.queuedNs = (this.queuedNs ?? 0) + nowNs - this.queueStartNs;
	}

	connecting(placement: Placement, nowNs: number): void {
		this.pool = placement.pool;
		this.backend = placement.backend;
		this.attempts += 1;
		this.connectStartNs = nowNs;
	}

	connectFailed(cause: ConnectFailure, code: string): void {
		const { backend } = this;
		if (backend === null) return;
		this.lastFailure = { cause, text: `${backend.name}: ${cause} (${code})` };
		if (cause !== 'own-shortage') this.tried = [...this.tried, backend];
	}

	connected(nowNs: number): void {
		this.connectNs = nowNs - this.connectStartNs;
		this.relayNs = nowNs;
		this.tried = NONE_TRIED;
	}
}

const NONE_TRIED: readonly BackendSnapshot[] = [];
