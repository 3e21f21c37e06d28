import type { Clock, Rng } from '../../core/ports.ts';
import { makeGeoReader } from '../../policy/geo.ts';
import { DiffApart } from '../config/diff-apart.ts';
import type { ConfigInForce } from '../config-in-force.ts';
import type { ConfigSource } from '../config-source.ts';
import type { Fleet } from '../fleet.ts';
import { GeoDatabases } from '../geo/databases.ts';
import type { HealthKeeper } from '../health-keeper.ts';
import type { Life } from '../life.ts';
import type { Log } from '../log.ts';
import { afterTimeout } from '../probe-schedule.ts';
import type { Publisher } from '../publisher.ts';
import type { RecordPump } from '../record-pump.ts';
import { everyInterval } from '../resolve.ts';
import { packageVersion } from '../version.ts';
import { type Steered, snapshotOf } from './steered.ts';

/** The parts of a balancer that are looked at and acted on. */
export interface LendingParts extends Pick<Steered, 'change' | 'reload'> {
	readonly log: Log;
	readonly clock: Clock;
	readonly life: Life;
	readonly fleet: Fleet;
	readonly pump: RecordPump;
	readonly health: HealthKeeper;
	readonly publisher: Publisher;
	readonly inForce: ConfigInForce;
	readonly source: ConfigSource;
	/** Another seed each time. */
	readonly makeRng: () => Rng;
}

/** What the admin side may look at and act on. */
export function lend(parts: LendingParts): Steered {
	const { log, clock, life, fleet, pump, health, publisher, inForce, source } = parts;
	const diffs = new DiffApart();
	return {
		log,
		clock,
		board: fleet.shared.scoreboard,
		stats: fleet.shared.stats,
		version: packageVersion(),
		engine: publisher.engine,
		file: source.path,
		get phase() {
			return life.phase;
		},
		get config() {
			return inForce.config;
		},
		get snapshot() {
			return fleet.snapshot;
		},
		get changes() {
			return inForce.changes;
		},
		get recordsDropped() {
			return pump.dropped;
		},
		workers: () => fleet.workerNumbers,
		send: (worker, message) => fleet.send(worker, message),
		healthOf: (backend) => health.detailOf(backend),
		addressesOf: (listener) =>
			publisher.addresses.filter((entry) => entry.listener === listener).map(({ address }) => address),
		engineOf: (listener) => fleet.engineOf(listener),
		change: parts.change,
		reload: parts.reload,
		diff: (candidate) => diffs.compare({ config: inForce.config, candidate, folder: source.folder }),
		explainParts: explaining(parts),
		every: everyInterval,
		after: afterTimeout,
	};
}

/** `explain` decides on the thread that it is asked on, with databases of its own. */
function explaining({ fleet, clock, makeRng }: LendingParts): Steered['explainParts'] {
	const databases = new GeoDatabases();
	return () => {
		const { geo } = snapshotOf(fleet);
		return {
			live: fleet.shared.scoreboard,
			geo: makeGeoReader(geo, databases.open(geo.database)),
			rng: makeRng(),
			nowNs: clock.nowNs(),
		};
	};
}
