import type { SlotRef } from '../core/snapshot.ts';
import type { SlotRegistry } from '../shared/registry.ts';
import type { SlotSource } from './config/compile.ts';

/** The registry for one compile, which notes what is claimed, so that it is kept from reuse while the snapshot lives. */
export class Claims implements SlotSource {
	private readonly registry: SlotRegistry;
	private readonly slots: SlotRef[] = [];
	private readonly tables: number[] = [];
	private readonly queues: number[] = [];

	constructor(registry: SlotRegistry) {
		this.registry = registry;
	}

	readonly claim: SlotSource['claim'] = (kind, name, address) =>
		noted(this.slots, this.registry.claim(kind, name, address));

	readonly clientTable: SlotSource['clientTable'] = (key, size, rates) =>
		noted(this.tables, this.registry.clientTable(key, size, rates.length));

	readonly queue: SlotSource['queue'] = (key) => noted(this.queues, this.registry.queue(key));

	retain(snapshot: number): void {
		this.registry.retain(snapshot, this.slots, this.tables, this.queues);
	}
}

function noted<T>(list: T[], item: T): T {
	list.push(item);
	return item;
}
