import type { Snapshot } from '../core/snapshot.ts';
import type { AddressPlan } from './addresses.ts';
import { compileSnapshot, hostNames, type SlotSource } from './config/compile.ts';
import type { Config } from './config/schema.ts';
import { together } from './config/together.ts';
import { defaultMaxConnections, nofileLimit } from './descriptors.ts';
import { countriesOf } from './geo/continents.ts';
import { GeoKeeper } from './geo/keeper.ts';
import { databaseOf, type GeoSource } from './geo/source.ts';
import type { Log } from './log.ts';
import { everyInterval, type Lookup, Resolver } from './resolve.ts';
import type { TlsFiles } from './tls/files.ts';
import { TlsKeeper } from './tls/keeper.ts';
import { tlsSource } from './tls/source.ts';
import { TicketKeys } from './tls/tickets.ts';

/** Makes the snapshot of this number; names have the addresses that are known at that moment. */
export type MakeSnapshot = (id: number, slots: SlotSource) => Snapshot;

/** What a configuration's files hold, read and checked. */
export interface Prepared {
	readonly geo: GeoSource;
	readonly tls: TlsFiles;
}

/** What the configuration in force is to be applied with; null: nobody needs that any more. */
export type Renewal = (config: Config) => Prepared | null;

export interface SourcesOptions {
	readonly log: Log;
	readonly lookup: Lookup;
	readonly namesChanged: () => void;
	/** Files or keys have changed: asked when the configuration is applied again, it gives what they hold now. */
	readonly renewed: (renew: Renewal) => void;
	/** Pipes that the engine may have, see `defaultMaxConnections`. */
	readonly pipes: number;
}

/** What a snapshot needs beside its configuration, and what changes by itself: host names, files, keys of session tickets. */
export class SnapshotSources {
	private readonly resolver: Resolver;
	private readonly geo: GeoKeeper;
	private readonly tickets: TicketKeys;
	private readonly tls: TlsKeeper;
	private tlsRenewalQueued = false;
	private readonly pipes: number;

	constructor({ log, lookup, namesChanged, renewed, pipes }: SourcesOptions) {
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
		this.geo = new GeoKeeper({
			log,
			every: everyInterval,
			changed: (next) =>
				renewed((config) => (config.geo.database === next.path ? { ...this.current, geo: next } : null)),
		});
		this.tls = new TlsKeeper({ log, every: everyInterval, nowMs: Date.now, changed: () => this.renewTls(renewed) });
		this.tickets = new TicketKeys({
			every: everyInterval,
			rotated: (listener) => {
				log.debug('ticket key rotated', { listener });
				this.renewTls(renewed);
			},
		});
	}

	/** Several changes at once are one snapshot. */
	private renewTls(renewed: SourcesOptions['renewed']): void {
		if (this.tlsRenewalQueued) return;
		this.tlsRenewalQueued = true;
		renewed(() => {
			this.tlsRenewalQueued = false;
			return { ...this.current, tls: this.tls.renewed ?? this.tls.current };
		});
	}

	/** What is in force. */
	private get current(): Prepared {
		return { geo: this.geo.current, tls: this.tls.current };
	}

	/**
	 * Reads the files that this configuration names and looks up its new names, these for at most so long.
	 * @throws SluiceError when a file cannot be used.
	 */
	async prepare(config: Config, lookupsMs: number): Promise<Prepared> {
		const [tls, geo] = await together(this.tls.prepare(config), this.geo.prepare(config));
		await this.resolver.prepare(hostNames(config), lookupsMs);
		return { geo, tls };
	}

	/** With its addresses proven and its files read; absent: what is in force. */
	maker(config: Config, plan: AddressPlan, { geo, tls } = this.current): MakeSnapshot {
		return (id, slots) => {
			this.geo.use(id, geo);
			return compileSnapshot(config, {
				id,
				slots,
				resolved: this.resolver.answers,
				ports: plan.ports,
				geoDatabase: databaseOf(geo),
				tls: tlsSource(tls, this.tickets),
				countriesOf,
				defaultMaxConnections: defaultMaxConnections(nofileLimit(), this.pipes),
			});
		};
	}

	/** That snapshot is in force: its names and its files are watched from now on, and no others. */
	adopt(config: Config, { geo, tls }: Prepared, snapshot: number): void {
		this.geo.adopt(geo, snapshot);
		this.tls.adopt(config, tls, snapshot);
		this.tickets.adopt(config);
		this.resolver.watch(hostNames(config));
	}

	/** Nobody uses that snapshot any more. */
	gone(snapshot: number): void {
		this.geo.gone(snapshot);
	}

	stop(): void {
		this.resolver.stop();
		this.geo.stop();
		this.tls.stop();
		this.tickets.stop();
	}
}
