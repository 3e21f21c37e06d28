import type { Snapshot } from '../core/snapshot.ts';
import type { AddressPlan } from './addresses.ts';
import { compileSnapshot, hostNames, type SlotSource } from './config/compile.ts';
import type { Config } from './config/schema.ts';
import { defaultMaxConnections, nofileLimit } from './descriptors.ts';
import { countriesOf } from './geo/continents.ts';
import { GeoKeeper } from './geo/keeper.ts';
import type { MmdbFile } from './geo/mmdb-file.ts';
import { databaseOf, type GeoSource } from './geo/source.ts';
import type { Log } from './log.ts';
import { everyInterval, type Lookup, Resolver } from './resolve.ts';

/** Makes the snapshot of this number; names have the addresses that are known at that moment. */
export type MakeSnapshot = (id: number, slots: SlotSource) => Snapshot;

export interface SourcesOptions {
	readonly log: Log;
	readonly lookup: Lookup;
	readonly namesChanged: () => void;
	readonly databaseChanged: (next: MmdbFile) => void;
	/** Pipes that the engine may have, see `defaultMaxConnections`. */
	readonly pipes: number;
}

/** What a snapshot needs beside its configuration, and what changes by itself: host names and the geo database. */
export class SnapshotSources {
	private readonly resolver: Resolver;
	private readonly geo: GeoKeeper;
	private readonly pipes: number;

	constructor({ log, lookup, namesChanged, databaseChanged, pipes }: SourcesOptions) {
		this.pipes = pipes;
		this.resolver = new Resolver({
			lookup,
			every: everyInterval,
			after: (ms, run) => {
				const timer = setTimeout(run, ms);
				return () => clearTimeout(timer);
			},
			changed: namesChanged,
			failed: (host, reason) => log.warn('cannot look up a name', { host, reason }),
		});
		this.geo = new GeoKeeper({ log, every: everyInterval, changed: databaseChanged });
	}

	/**
	 * Reads the database that this configuration names and looks up its new names, these for at most so long.
	 * @throws SluiceError when the database cannot be used.
	 */
	async prepare(config: Config, lookupsMs: number): Promise<GeoSource> {
		const geo = await this.geo.prepare(config);
		await this.resolver.prepare(hostNames(config), lookupsMs);
		return geo;
	}

	/** With its addresses proven and its database read; absent: the one in force. */
	maker(config: Config, plan: AddressPlan, geo = this.geo.current): MakeSnapshot {
		return (id, slots) => {
			this.geo.use(id, geo);
			return compileSnapshot(config, {
				id,
				slots,
				resolved: this.resolver.answers,
				ports: plan.ports,
				geoDatabase: databaseOf(geo),
				countriesOf,
				defaultMaxConnections: defaultMaxConnections(nofileLimit(), this.pipes),
			});
		};
	}

	/** That snapshot is in force: its names and its database are watched from now on, and no others. */
	adopt(config: Config, geo: GeoSource, snapshot: number): void {
		this.geo.adopt(geo, snapshot);
		this.resolver.watch(hostNames(config));
	}

	/** Nobody uses that snapshot any more. */
	gone(snapshot: number): void {
		this.geo.gone(snapshot);
	}

	stop(): void {
		this.resolver.stop();
		this.geo.stop();
	}
}
