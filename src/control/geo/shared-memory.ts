/** Holds the memory of the database in force. Snapshots count from 1. */
export const IN_FORCE = 0;

/**
 * Memory of readings that no live snapshot needs any more, for the next one. Left to the garbage collectors it
 * would pile up: shared memory goes when the collectors of all threads have met their part of it, and does not
 * count for any of them.
 */
export class SharedMemory {
	private readonly held = new Map<number, SharedArrayBuffer>();
	private spare: SharedArrayBuffer | null = null;

	/** At least so many bytes, with room for the file to grow; pages not written to take no memory. */
	take(bytes: number): SharedArrayBuffer {
		const { spare } = this;
		this.spare = null;
		if (spare !== null && spare.byteLength >= bytes && spare.byteLength <= roomFor(bytes) * 2) return spare;
		return new SharedArrayBuffer(roomFor(bytes));
	}

	/** The snapshot, or `IN_FORCE`, has this memory, and no other, until it is let go. */
	hold(holder: number, memory: SharedArrayBuffer): void {
		const before = this.held.get(holder);
		this.held.set(holder, memory);
		if (before !== undefined) this.giveBack(before);
	}

	letGo(holder: number): void {
		const memory = this.held.get(holder);
		this.held.delete(holder);
		if (memory !== undefined) this.giveBack(memory);
		if (!this.held.has(IN_FORCE)) this.spare = null;
	}

	/** What was taken and is not needed, unless somebody holds it. */
	giveBack(memory: SharedArrayBuffer): void {
		for (const held of this.held.values()) if (held === memory) return;
		this.spare = memory;
	}
}

const roomFor = (bytes: number): number => bytes + Math.ceil(bytes / 8);
