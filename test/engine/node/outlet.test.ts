import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { GatheredWrites } from '../../../src/engine/node/gathered-writes.ts';
import { Outlet } from '../../../src/engine/node/outlet.ts';

const RECORD_BYTES = 16_384;
const ROOM_BYTES = 65_536;

/** A stand-in for a socket: tells how many bytes each of its system calls would have taken. Stuck, it takes them and never says so. */
class Kernel extends Writable {
	readonly calls: number[] = [];
	stuck: ((error?: Error | null) => void) | null = null;
	readonly #sticks: boolean;

	constructor(sticks = false) {
		super({ highWaterMark: ROOM_BYTES });
		this.#sticks = sticks;
	}

	override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
		this.#take(chunk.length, done);
	}

	override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
		this.#take(
			chunks.reduce((sum, { chunk }) => sum + chunk.length, 0),
			done,
		);
	}

	#take(bytes: number, done: (error?: Error | null) => void): void {
		this.calls.push(bytes);
		if (this.#sticks) this.stuck = done;
		else done();
	}
}

function outletTo(kernel: Kernel, gathered = new GatheredWrites()) {
	return new Outlet(kernel as unknown as Socket, gathered);
}

/** In memory of its own, as sockets hand them out. */
const chunkOf = (bytes: number): Buffer => Buffer.from(new ArrayBuffer(bytes));

t.test(
	'records that come in the same turn go to the kernel together, as many as the socket has room for',
	async (t) => {
		const kernel = new Kernel();
		const outlet = outletTo(kernel);
		for (let i = 0; i < 6; i++) t.ok(outlet.write(chunkOf(RECORD_BYTES)), 'it keeps up');
		t.same(kernel.calls, [4 * RECORD_BYTES], 'no more than that waits');
		await turn();
		t.same(kernel.calls, [4 * RECORD_BYTES, 2 * RECORD_BYTES], 'the rest goes at the end of the turn');
	},
);

t.test('a few bytes wait for nothing, and what was before them goes first', async (t) => {
	const kernel = new Kernel();
	const outlet = outletTo(kernel);
	outlet.write(chunkOf(5));
	t.same(kernel.calls, [5]);
	outlet.write(chunkOf(RECORD_BYTES));
	t.same(kernel.calls, [5]);
	outlet.write(chunkOf(7));
	t.same(kernel.calls, [5, RECORD_BYTES + 7]);
});

t.test('a chunk that fills the room by itself goes at once', async (t) => {
	const kernel = new Kernel();
	t.ok(outletTo(kernel).write(chunkOf(ROOM_BYTES)));
	t.same(kernel.calls, [ROOM_BYTES]);
});

t.test('there is no room while as much waits as the socket holds, however it was gathered', async (t) => {
	const kernel = new Kernel(true);
	const outlet = outletTo(kernel);
	const rooms = [1, 2, 3, 4].map(() => outlet.write(chunkOf(RECORD_BYTES)));
	t.same(rooms, [true, true, true, false]);
	t.equal(kernel.writableLength, ROOM_BYTES);
	let drained = false;
	kernel.once('drain', () => {
		drained = true;
	});
	kernel.stuck?.();
	await turn();
	t.ok(drained, 'its drain tells of room again');
});

t.test('what the kernel has taken gives its memory back; what it has not, does not', async (t) => {
	const kernel = new Kernel(true);
	const outlet = outletTo(kernel);
	const [first, second] = [chunkOf(ROOM_BYTES), chunkOf(RECORD_BYTES)];
	outlet.write(first);
	outlet.write(second);
	await turn();
	t.equal(first.length, ROOM_BYTES, 'it is still being written');
	kernel.stuck?.();
	await turn();
	t.same([first.length, second.length], [0, RECORD_BYTES], 'in order');
	kernel.stuck?.();
	await turn();
	t.equal(second.length, 0);
});

t.test('memory that others may have a view of stays, and what a failed socket had', async (t) => {
	const [kernel, failing] = [new Kernel(), new Kernel(true)];
	const whole = chunkOf(2 * RECORD_BYTES);
	outletTo(kernel).write(whole.subarray(0, RECORD_BYTES));
	const chunk = chunkOf(RECORD_BYTES);
	failing.on('error', () => {});
	outletTo(failing).write(chunk);
	await turn();
	failing.stuck?.(new Error('reset'));
	await turn();
	t.same([whole.length, chunk.length], [2 * RECORD_BYTES, RECORD_BYTES]);
});

t.test('so many outlets gather at a time, not more', async (t) => {
	const gathered = new GatheredWrites();
	const kernels = Array.from({ length: 100 }, () => new Kernel());
	for (const kernel of kernels) outletTo(kernel, gathered).write(chunkOf(RECORD_BYTES));
	const sent = (): number => kernels.filter(({ calls }) => calls.length > 0).length;
	t.equal(sent(), 64);
	await turn();
	t.equal(sent(), 100);
});

t.test('to send what is gathered leaves nothing for later', async (t) => {
	const kernel = new Kernel();
	const outlet = outletTo(kernel);
	outlet.write(chunkOf(RECORD_BYTES));
	outlet.send();
	t.same(kernel.calls, [RECORD_BYTES]);
	await turn();
	t.same(kernel.calls, [RECORD_BYTES]);
});
