import type { LogLevel } from '../../core/record.ts';
import type { Explanation } from '../../policy/explain.ts';
import type {
	AlertView,
	BackendAddition,
	BucketView,
	ChangeView,
	ClientView,
	CountryView,
	DiffView,
	DrainOrder,
	EventView,
	HistoryQuery,
	HistoryView,
	ListenerView,
	PoolView,
	RegionView,
	ReloadView,
	SessionPage,
	SessionQuery,
	SessionView,
	ShapingChange,
	StatusView,
} from './views.ts';

/** Who asks: what the log says of a change. `admin token 2 (write) from 127.0.0.1`, never a token. */
export type Requester = string;

/** What `explain` is asked about a client. */
export interface ExplainQuery {
	readonly listener: string;
	readonly ips: readonly string[];
	readonly sni: string | null;
	readonly alpn: readonly string[];
}

/**
 * All that can be seen and changed while the process runs; what the admin API is made of. Reading is cheap: totals
 * are read off the scoreboard. What asks the workers (sessions) or changes something is a promise.
 * A name that does not exist is a `SluiceError` with code `not-found`, a question that cannot be understood one with
 * `bad-request`; a change that cannot be made one with code
 * `refused` or `config-invalid`, and nothing has changed then.
 */
export interface Operations {
	/** False before all listeners serve, and from the moment a stop is asked for (before accepting stops). */
	readonly ready: boolean;
	status(): StatusView;
	listeners(): readonly ListenerView[];
	pools(): readonly PoolView[];
	regions(): readonly RegionView[];
	buckets(): readonly BucketView[];
	/** The events kept, with numbers above `after`, oldest first; a bounded number. */
	events(after: number): readonly EventView[];
	changes(): readonly ChangeView[];
	/** The alerts of the configuration, in file order. */
	alerts(): readonly AlertView[];
	/** Nothing where none is kept. */
	history(query: HistoryQuery): Promise<HistoryView>;

	sessions(query: SessionQuery): Promise<SessionPage>;
	session(id: string): Promise<SessionView | null>;
	/** Of live sessions, most first. */
	countries(): Promise<readonly CountryView[]>;
	/** Clients with the most bytes per second or sessions, most first. */
	clients(listener: string | null, limit: number): Promise<readonly ClientView[]>;
	/** False: there was no such session any more. */
	kill(id: string, by: Requester): Promise<boolean>;

	setWeight(pool: string, backend: string, weight: number, by: Requester): Promise<void>;
	drain(pool: string, backend: string, order: DrainOrder, by: Requester): Promise<void>;
	enable(pool: string, backend: string, by: Requester): Promise<void>;
	disable(pool: string, backend: string, by: Requester): Promise<void>;
	addBackend(pool: string, addition: BackendAddition, by: Requester): Promise<void>;
	removeBackend(pool: string, backend: string, by: Requester): Promise<void>;
	/** `place`: `listener NAME`, `region NAME`, `pool NAME` or `backend POOL/NAME`. */
	setShaping(place: string, change: ShapingChange, by: Requester): Promise<void>;

	/** Null: as the file has it. */
	setLogLevel(level: LogLevel | null, by: Requester): Promise<void>;
	explain(query: ExplainQuery): Explanation;
	/** Reads the configuration file again and puts it in force. */
	reload(by: Requester): Promise<ReloadView>;
	/** What a reload with this text would change; it is read as if it stood where the configuration file does. */
	diff(candidate: string): Promise<DiffView>;
}
