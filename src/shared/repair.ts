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
}

/**
 * The main thread's care for the ledgers: takes back what a dead worker held, at whatever instruction it
 * died, while the others go on; and tells whether all counts are what the shares say.
 */
export class Repair {
	readonly #board: Scoreboard;
	/** Dead, and not yet repaired everywhere. */
	readonly #dead = new Set<number>();

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
		const { ops, workers } = this.#board;
		let whole = true;
		for (const { words, activeAt, sharesAt } of this.#places()) {
			if (repairPlace(ops, words, activeAt, sharesAt, workers, this.#dead) === null) whole = false;
		}
		if (whole) this.#dead.clear();
		return whole;
	}

	/** What does not add up, in words; empty when every count equals its shares. */
	audit(): string[] {
		const faults: string[] = [];
		const { ops, workers } = this.#board;
		for (const { name, words, activeAt, sharesAt } of this.#places()) {
			const excess = residual(ops, words, activeAt, sharesAt, workers, this.#dead);
			if (excess === 0) continue;
			faults.push(excess === null ? `${name}: never at rest` : `${name}: ${excess} more than its shares`);
		}
		return faults;
	}

	/** Nothing is held anywhere. */
	isZero(): boolean {
		const { ops, workers } = this.#board;
		for (const { words, activeAt, sharesAt } of this.#places()) {
			if (ops.load(words, activeAt) !== 0) return false;
			if (residual(ops, words, activeAt, sharesAt, workers, this.#dead) !== 0) return false;
		}
		return true;
	}

	*#places(): Generator<Place> {
		for (const [number, page] of this.#board.pages.entries()) {
			for (let i = 0; i < SLOTS_PER_PAGE; i++) {
				const base = slotBase(i);
				const name = `slot ${number * SLOTS_PER_PAGE + i}`;
				yield { name, words: page.words, activeAt: base + ACTIVE, sharesAt: base + SHARES };
			}
		}
		for (const [number, table] of this.#board.clientTables.entries()) yield* placesOf(number, table);
	}
}

/** Entries that were never used have no body, and hold nothing. */
function* placesOf(number: number, table: ClientTable): Generator<Place> {
	for (let entry = 0; entry <= table.layout.capacity; entry++) {
		const sharesAt = table.sharesAt(entry);
		if (sharesAt === null) continue;
		const name = `client table ${number}, entry ${entry}`;
		yield { name, words: table.cells.words, activeAt: table.headAt(entry) + HEAD_ACTIVE, sharesAt };
	}
}
