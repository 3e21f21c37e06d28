import { SluiceError } from '../../core/errors.ts';
import type { Clock, EngineName } from '../../core/ports.ts';
import type { ListenerSnapshot, SlotRef, Snapshot } from '../../core/snapshot.ts';
import type { ExplainParts } from '../../policy/explain.ts';
import type { Scoreboard } from '../../shared/scoreboard.ts';
import type { StatsReader } from '../../shared/stats.ts';
import type { StatusView } from '../admin/views.ts';
import type { ConfigDiff } from '../config/diff.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../log.ts';
import type { HealthDetail } from '../pool-health.ts';
import type { RuntimeChanges } from './changes.ts';
import type { WorkerDesk } from './worker-desk.ts';

/** What the running balancer lends: the parts of the application that operations look at and act on. */
export interface Steered {
	readonly log: Log;
	readonly clock: Clock;
	readonly board: Scoreboard;
	readonly stats: StatsReader;
	readonly version: string;
	readonly engine: EngineName;
	readonly phase: StatusView['phase'];
	/** Where the configuration was read; null: it was given by a program. */
	readonly file: string | null;
	/** As the file has it. */
	readonly config: Config;
	readonly snapshot: Snapshot | null;
	readonly changes: RuntimeChanges;
	readonly recordsDropped: number;
	/** Numbers of the workers that run now. */
	workers(): readonly number[];
	send: ConstructorParameters<typeof WorkerDesk>[0]['send'];
	healthOf(backend: SlotRef): HealthDetail;
	addressesOf(listener: string): readonly string[];
	engineOf(listener: ListenerSnapshot): EngineName;
	/**
	 * Puts further changes in force, one after the other. `make` is called when its turn has come, with those before and
	 * the configuration by them; what it throws changes nothing. All or nothing.
	 */
	change(make: (changes: RuntimeChanges, config: Config) => void): Promise<void>;
	/** Reads the file again and puts it in force. */
	reload(): Promise<ConfigDiff & { readonly warnings: readonly string[] }>;
	/** What a reload with this text would change. */
	diff(candidate: string): Promise<ConfigDiff>;
	explainParts(): Omit<ExplainParts, 'sni' | 'alpn'>;
	/** Timers, until cancelled. */
	every(ms: number, run: () => void): () => void;
	after(ms: number, run: () => void): () => void;
}

/** What it serves by. @throws SluiceError before the first one. */
export function snapshotOf({ snapshot }: Pick<Steered, 'snapshot'>): Snapshot {
	if (snapshot === null) throw new SluiceError('starting', 'it is still starting');
	return snapshot;
}
