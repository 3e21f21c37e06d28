import { createRequire } from 'node:module';
import { NS_PER_SECOND } from '../../../src/core/units.ts';
import type { Libc, NativeBuffer } from '../../../src/engine/epoll/libc.ts';
import type { FdOwner } from '../../../src/engine/epoll/poller.ts';

const CLOCK_MONOTONIC = 1;
const TFD_NONBLOCK = 0o4000;
const ITIMERSPEC_BYTES = 32;

interface Koffi {
	load(path: null): { func(declaration: string): (...args: number[]) => number };
}

/**
 * A timerfd (timerfd_create(2)) for a poller: tells how many of its periods have passed since it was last
 * heard. epoll's own time-out counts milliseconds, too coarse for a rate.
 */
export class Ticker implements FdOwner {
	readonly fd: number;
	readonly #read: (fd: number, address: number, length: number) => number;
	readonly #count: NativeBuffer;
	readonly #countView: DataView;
	readonly #onTicks: (ticks: number) => void;

	/** @throws Error when the kernel gives no timer. */
	constructor(libc: Libc, periodNs: number, onTicks: (ticks: number) => void) {
		const library = (createRequire(import.meta.url)('koffi') as Koffi).load(null);
		const create = library.func('int timerfd_create(int, int)');
		const set = library.func('int timerfd_settime(int, int, int64_t, int)');
		this.#read = library.func('int64_t read(int, int64_t, int64_t)');
		this.#onTicks = onTicks;
		this.#count = libc.allocate(8);
		this.#countView = new DataView(this.#count.bytes.buffer);
		this.fd = create(CLOCK_MONOTONIC, TFD_NONBLOCK);
		const spec = libc.allocate(ITIMERSPEC_BYTES);
		const words = new BigInt64Array(spec.bytes.buffer);
		for (const at of [0, 2]) {
			words[at] = BigInt(Math.floor(periodNs / NS_PER_SECOND));
			words[at + 1] = BigInt(Math.max(1, Math.round(periodNs % NS_PER_SECOND)));
		}
		if (this.fd < 0 || set(this.fd, 0, spec.address, 0) < 0) throw new Error('timerfd: no timer to be had');
	}

	onEvents(): void {
		if (this.#read(this.fd, this.#count.address, 8) !== 8) return;
		this.#onTicks(Number(this.#countView.getBigUint64(0, true)));
	}
}
