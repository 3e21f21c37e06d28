import type { GeoDatabase, Snapshot } from '../core/snapshot.ts';
import type { LookedAt } from '../policy/rehearsal.ts';
import { compileSnapshot, type SlotSource } from './config/compile.ts';
import type { TlsSource } from './config/compile-tls.ts';
import type { Config } from './config/schema.ts';
import { defaultMaxConnections, nofileLimit } from './descriptors.ts';
import { countriesOf } from './geo/continents.ts';
import { PAPER_TLS } from './tls/source.ts';

/** A configuration's snapshot with no process behind it: for `explain`. Ports given for 0 stay 0. */
export function paperSnapshot(
	config: Config,
	resolved: ReadonlyMap<string, readonly string[]>,
	geoDatabase: GeoDatabase = 'embedded',
	tls: TlsSource = PAPER_TLS,
): Snapshot {
	return compileSnapshot(config, {
		id: 1,
		slots: paperSlots(),
		resolved,
		ports: new Map(),
		geoDatabase,
		tls,
		countriesOf,
		defaultMaxConnections: defaultMaxConnections(nofileLimit(), 0),
	});
}

/**
 * The live state of a balancer that has just started: nobody is connected; nothing is known yet of backends
 * that are probed, and the others count as up.
 */
export function justStarted(snapshot: Snapshot): LookedAt {
	const trusted = new Set(
		snapshot.pools
			.filter(({ health }) => health.active === null)
			.flatMap(({ backends }) => backends.map(({ slot }) => slot.index)),
	);
	return {
		active: () => 0,
		hasRoom: () => true,
		health: ({ index }) => (trusted.has(index) ? 'up' : 'unknown'),
		peekTurn: () => 0,
		waiting: () => 0,
		bucketLevel: (_slot, _direction, { burstBytes }) => burstBytes,
		clientLevel: (_limits, _client, _direction, { burstBytes }) => burstBytes,
	};
}

/** A slot of its own for every claim; as in the registry, the same key has the same one. */
function paperSlots(): SlotSource {
	const slots = new Map<string, number>();
	const tables = new Map<string, number>();
	const queues = new Map<string, number>();
	const numberIn = (numbers: Map<string, number>, key: string): number => {
		const number = numbers.get(key) ?? numbers.size;
		numbers.set(key, number);
		return number;
	};
	return {
		claim: (kind, name, address) => ({ index: numberIn(slots, JSON.stringify([kind, name, address])), generation: 1 }),
		clientTable: (key) => numberIn(tables, key),
		queue: (key) => numberIn(queues, key),
	};
}
