import fc from 'fast-check';
import t from 'tap';
import { HeldBytes } from '../../../src/engine/epoll/held-bytes.ts';

const MOST = 4_096;

t.test('what is held is what came, less what was consumed, in order, wherever it stands', async (t) => {
	const step = fc.oneof(
		fc.uint8Array({ minLength: 1, maxLength: 900 }),
		fc.record({ consume: fc.nat(1_000), move: fc.boolean() }),
	);
	fc.assert(
		fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
			const [held, scratch] = [new HeldBytes(), new Uint8Array(1_000)];
			let expected = Buffer.alloc(0);
			for (const step of steps) {
				if (step instanceof Uint8Array) {
					held.keep();
					scratch.set(step);
					held.add(scratch, step.length, MOST);
					expected = Buffer.concat([expected, step]);
				} else {
					const count = Math.min(step.consume, expected.length);
					if (step.move) {
						held.keep();
						held.moveTo(scratch, count);
						if (!expected.subarray(0, count).equals(scratch.subarray(0, count))) return false;
					} else {
						held.consume(count);
					}
					expected = expected.subarray(count);
				}
				if (held.length !== expected.length || !expected.equals(held.view)) return false;
			}
			return true;
		}),
		{ numRuns: 300 },
	);
	t.throws(() => new HeldBytes().consume(1), RangeError, 'nobody takes what is not there');
});

t.test('a first read is not copied, and what is kept of it takes no more memory than it needs', async (t) => {
	const [held, scratch] = [new HeldBytes(), new Uint8Array(65_536).fill(7)];
	held.add(scratch, 600, MOST);
	t.equal(held.view.buffer, scratch.buffer);
	held.consume(100);
	held.keep();
	scratch.fill(0);
	t.equal(held.view.buffer.byteLength, 500);
	t.ok(held.view.every((byte) => byte === 7));
	const kept = held.view.buffer;
	held.keep();
	t.equal(held.view.buffer, kept, 'once');
	held.consume(500);
	t.equal(held.view.buffer.byteLength, 0, 'nothing is left, no memory either');
});

t.test('a byte at a time is copied a few times in all, into no more memory than may be held', async (t) => {
	const [held, scratch] = [new HeldBytes(), new Uint8Array(1)];
	const rooms = new Set<ArrayBufferLike>();
	for (let i = 0; i < 65_536; i++) {
		held.add(scratch, 1, 65_536);
		held.keep();
		rooms.add(held.view.buffer);
	}
	t.equal(held.length, 65_536);
	t.equal(held.view.buffer.byteLength, 65_536);
	t.ok(rooms.size < 20, `${rooms.size} pieces of memory`);
});
