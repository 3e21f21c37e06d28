import type { Libc, MappedMemory, NativeBuffer } from './libc.ts';

/** Buffers of a ring: as many as one turn of a busy worker needs, few enough to stay in the processor's cache. */
export const RING_BUFFERS = 128;
/** A message that fills one is not small. */
export const RING_BUFFER_BYTES = 8_192;

const GROUP = 0;
const REGISTER_PBUF_RING = 22;
/** `struct io_uring_buf_reg`, `struct io_uring_buf`. */
const REGISTRATION_BYTES = 40;
const ENTRY_BYTES = 16;
/** The tail of the buffers' own ring: the last two bytes of its first entry. */
const TAIL_AT = 7;

/**
 * Buffers that the kernel takes for what it receives, first in first out (io_uring_register_buf_ring(3)). Who is told
 * of bytes in one owns it until `giveBack`.
 */
export class RingBuffers {
	readonly memory: NativeBuffer;
	/** The address of each, as its two words. */
	readonly lowWords = new Int32Array(RING_BUFFERS);
	readonly highWords = new Int32Array(RING_BUFFERS);
	readonly #libc: Libc;
	/** Mapped, since it has to outlive a worker that dies until its ring is closed. */
	readonly #mapped: MappedMemory;
	readonly #ring: MappedMemory;
	readonly #words: Int32Array;
	readonly #halves: Uint16Array;
	#tail = 0;

	private constructor(libc: Libc, ring: MappedMemory, mapped: MappedMemory) {
		this.#libc = libc;
		this.#ring = ring;
		this.#words = ring.words;
		this.#halves = new Uint16Array(ring.words.buffer);
		this.#mapped = mapped;
		this.memory = { bytes: new Uint8Array(mapped.words.buffer), address: mapped.address };
		for (let buffer = 0; buffer < RING_BUFFERS; buffer++) {
			const address = this.memory.address + this.offsetOf(buffer);
			this.lowWords[buffer] = address % 2 ** 32;
			this.highWords[buffer] = Math.floor(address / 2 ** 32);
			this.giveBack(buffer);
		}
		this.publish();
	}

	/** Registered with a ring, or the negated error number. */
	static register(libc: Libc, ringFd: number): RingBuffers | number {
		const ring = libc.map(RING_BUFFERS * ENTRY_BYTES, -1, 0);
		if (typeof ring === 'number') return ring;
		const registration = libc.allocate(REGISTRATION_BYTES);
		const view = new DataView(registration.bytes.buffer);
		view.setBigUint64(0, BigInt(ring.address), true);
		view.setUint32(8, RING_BUFFERS, true);
		view.setUint16(12, GROUP, true);
		const registered = libc.ringRegister(ringFd, REGISTER_PBUF_RING, registration);
		const mapped = registered < 0 ? registered : libc.map(RING_BUFFERS * RING_BUFFER_BYTES, -1, 0);
		if (typeof mapped !== 'number') return new RingBuffers(libc, ring, mapped);
		libc.unmap(ring);
		return mapped;
	}

	/** Where a buffer begins in `memory`. */
	offsetOf(buffer: number): number {
		return buffer * RING_BUFFER_BYTES;
	}

	/** Its bytes are needed no more; the kernel has it with the next `publish`. */
	giveBack(buffer: number): void {
		const at = (this.#tail % RING_BUFFERS) * 4;
		this.#words[at] = this.lowWords[buffer] ?? 0;
		this.#words[at + 1] = this.highWords[buffer] ?? 0;
		this.#words[at + 2] = RING_BUFFER_BYTES;
		this.#halves[at * 2 + 6] = buffer;
		this.#tail = (this.#tail + 1) & 0xffff;
	}

	/** The kernel may write to what was given back. */
	publish(): void {
		this.#halves[TAIL_AT] = this.#tail;
	}

	/** Once the ring is closed. */
	destroy(): void {
		this.#libc.unmap(this.#ring);
		this.#libc.unmap(this.#mapped);
	}
}
