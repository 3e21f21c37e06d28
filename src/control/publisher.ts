import type { EngineName, NativeHost } from '../core/ports.ts';
import { AddressBook, type AddressPlan, type ListeningAddress } from './addresses.ts';
import type { Config } from './config/schema.ts';
import { warnOfCap } from './engine-limits.ts';
import { EngineNotes } from './engine-notes.ts';
import type { Fleet } from './fleet.ts';
import type { Life } from './life.ts';
import type { Log } from './log.ts';
import type { MakeSnapshot, Prepared, SnapshotSources } from './snapshot-sources.ts';

export interface PublisherParts {
	readonly log: Log;
	readonly life: Life;
	readonly fleet: Fleet;
	readonly sources: SnapshotSources;
	/** The main thread's side of a native engine; null: the only engine is `node`. */
	readonly native: NativeHost | null;
	/** Of each engine. */
	readonly workers: number;
}

/** A configuration that can be put in force: its addresses can be bound. `prepared` absent: its files are in force already. */
export interface Proven {
	readonly config: Config;
	readonly plan: AddressPlan;
	readonly prepared?: Prepared | undefined;
}

/** Brings configurations to the workers: proves that one can be served, hands it over, and tells what is listened on. */
export class Publisher {
	private readonly parts: PublisherParts;
	private readonly book = new AddressBook();
	private readonly engines: EngineNotes;

	constructor(parts: PublisherParts) {
		this.parts = parts;
		this.engines = new EngineNotes(parts.log, this.engine);
	}

	/** What moves the bytes, but for listeners that only the node engine can serve. */
	get engine(): EngineName {
		return this.parts.native === null ? 'node' : 'epoll';
	}

	/** Every address that is listened on, with its real port, in file order. */
	get addresses(): readonly ListeningAddress[] {
		return this.book.listening;
	}

	/**
	 * Reads the files of a configuration, looks up its new names for at most so long, and tries its new addresses out.
	 * @throws SluiceError when it cannot be served; then nothing has changed.
	 */
	async prepare(config: Config, lookupsMs: number): Promise<Proven & { readonly prepared: Prepared }> {
		const prepared = await this.parts.sources.prepare(config, lookupsMs);
		return { config, prepared, plan: await this.book.plan(config) };
	}

	/** The first one. Answers the addresses that could not be opened. */
	start(proven: Proven): Promise<readonly string[]> {
		return this.parts.fleet.start(this.maker(proven));
	}

	/** Answers the addresses that could not be opened; they are told of, and tried again. */
	async publish(proven: Proven): Promise<readonly string[]> {
		this.parts.life.refuseWhenStopping();
		return this.parts.fleet.publish(this.maker(proven));
	}

	/** What is served already, with what has changed beside it: names, or files where they are given. */
	async publishAgain(config: Config, prepared?: Prepared): Promise<void> {
		await this.publish({ config, plan: await this.book.plan(config), prepared });
		if (prepared !== undefined) this.adopt(config, prepared);
	}

	/** It is in force: its names and files are watched from now on, and no others. */
	adopt(config: Config, prepared: Prepared): void {
		this.parts.sources.adopt(config, prepared, this.parts.fleet.snapshotId);
	}

	/** Tells what is listened on since it is in force, but for these failures, and what limits it. */
	tell({ config, plan }: Proven, failures: readonly string[]): void {
		const { log, fleet, native, workers: all } = this.parts;
		warnOfCap(log, config, native);
		const listeners = fleet.snapshot?.listeners ?? [];
		this.engines.tell(listeners);
		const engines = new Map(listeners.map((listener) => [listener.name, fleet.engineOf(listener)]));
		for (const { listener, address } of this.book.adopt(plan, failures)) {
			const workers = address.startsWith('unix:') ? 1 : all;
			log.info('listening', { listener, address, workers, engine: engines.get(listener) ?? this.engine });
			if (workers < all) log.info('a unix socket is served by one worker alone', { listener, address });
		}
	}

	private maker({ config, plan, prepared }: Proven): MakeSnapshot {
		return this.parts.sources.maker(config, plan, prepared);
	}
}
