import { HEAD_ACTIVE } from './client-layout.ts';
import type { ClientTable } from './client-table.ts';
import { ACTIVE, SHARES, SLOTS_PER_PAGE, slotBase } from './layout.ts';
import { repairPlace, residual } from './ledger.ts';
import type { Scoreboard } from './scoreboard.ts';

/** One place in shared memory: its count, and its shares. */
interface Place {
	readonly name: string;
	readonly words: Int32Array;
	readonly activeAt: number;
	readonly sharesAt: number;
	/** Share words from there on: one per worker, and one of the queue where there may be one. */
	readonly shares: number;
	/** Index of the slot; -1 for a client's entry. */
	readonly slot: number;
}

/**
 * The main thread's care for the ledgers: takes back what a dead worker held, at whatever instruction it
 * died, while the others go on; and tells whether all counts are what the shares say.
 */
export class Repair {
	readonly #board: Scoreboard;
	/** Dead, and not yet repaired everywhere. */
	readonly #dead = new Set<number>();
	/** Slots at which a dead worker may have stopped while it wrote the queue's share. */
	readonly #suspects = new Set<number>();

	constructor(board: Scoreboard) {
		this.#board = board;
	}

	/**
	 * Give back all that this worker held. False: another worker stood still in the middle of a step, or has
	 * died without our knowing; call again for it, or for this one after a moment. The worker's number may be
	 * used again only after true.
	 */
	repair(worker: number): boolean {
		this.#dead.add(worker);
		for (const table of this.#board.clientTables) for (const dead of this.#dead) table.repair(dead);
		// Queues first: their shares have to be right before counts are compared with shares.
		if (!this.#repairQueues() || !this.#repairPlaces()) return false;
		this.#dead.clear();
		this.#suspects.clear();
		return true;
	}

	/** What does not add up, in words; empty when every count equals its shares. */
	audit(): string[] {
		const faults: string[] = [];
		for (const { name, words, activeAt, sharesAt, shares } of this.#places()) {
			const excess = residual(this.#board.ops, words, activeAt, sharesAt, shares, this.#dead);
			if (excess === 0) continue;
			faults.push(excess === null ? `${name}: never at rest` : `${name}: ${excess} more than its shares`);
		}
		for (const queue of this.#board.queues) faults.push(...queue.audit());
		return faults;
	}

	/** Nothing is held anywhere. */
	isZero(): boolean {
		const { ops } = this.#board;
		for (const { words, activeAt, sharesAt, shares } of this.#places()) {
			if (ops.load(words, activeAt) !== 0) return false;
			if (residual(ops, words, activeAt, sharesAt, shares, this.#dead) !== 0) return false;
		}
		return this.#board.queues.every((queue) => queue.isIdle());
	}

	#repairQueues(): boolean {
		let whole = true;
		for (const queue of this.#board.queues) {
			const suspects = queue.repair(this.#dead);
			if (suspects === null) whole = false;
			else for (const slot of suspects) this.#suspects.add(slot);
		}
		return whole;
	}

	#repairPlaces(): boolean {
		let whole = true;
		for (const { words, activeAt, sharesAt, shares, slot } of this.#places()) {
			const suspect = this.#suspects.has(slot);
			if (repairPlace(this.#board.ops, words, activeAt, sharesAt, shares, this.#dead, suspect) === null) whole = false;
		}
		return whole;
	}

	*#places(): Generator<Place> {
		const { workers } = this.#board;
		for (const [number, page] of this.#board.pages.entries()) {
			for (let i = 0; i < SLOTS_PER_PAGE; i++) {
				const base = slotBase(i);
				const slot = number * SLOTS_PER_PAGE + i;
				const at = { words: page.words, activeAt: base + ACTIVE, sharesAt: base + SHARES };
				yield { name: `slot ${slot}`, ...at, shares: workers + 1, slot };
			}
		}
		for (const [number, table] of this.#board.clientTables.entries()) yield* placesOf(number, table, workers);
	}
}

/** Entries that were never used have no body, and hold nothing. */
function* placesOf(number: number, table: ClientTable, workers: number): Generator<Place> {
	for (let entry = 0; entry <= table.layout.capacity; entry++) {
		const sharesAt = table.sharesAt(entry);
		if (sharesAt === null) continue;
		const name = `client table ${number}, entry ${entry}`;
		const activeAt = table.headAt(entry) + HEAD_ACTIVE;
		yield { name, words: table.cells.words, activeAt, sharesAt, shares: workers, slot: -1 };
	}
}
