import fc from 'fast-check';
import t from 'tap';
import { HeldBytes } from '../../../src/engine/node/held-bytes.ts';

t.test('what is held is what was added, less what was dropped, in order', async (t) => {
	const steps = fc.array(fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 900 }), fc.nat(1_000)), { maxLength: 60 });
	fc.assert(
		fc.property(steps, (all) => {
			const held = new HeldBytes();
			let expected = Buffer.alloc(0);
			for (const step of all) {
				if (typeof step === 'number') {
					const count = Math.min(step, expected.length);
					held.drop(count);
					expected = expected.subarray(count);
				} else {
					held.add(Buffer.from(step));
					expected = Buffer.concat([expected, step]);
				}
				t.equal(held.length, expected.length);
				if (!held.view.equals(expected)) return false;
			}
			return held.take().equals(expected) && held.length === 0 && held.view.length === 0;
		}),
		{ numRuns: 200, seed: 1 },
	);
});

t.test('one chunk is not copied', async (t) => {
	const held = new HeldBytes();
	const chunk = Buffer.from('whole');
	held.add(chunk);
	t.equal(held.view, chunk);
	t.equal(held.take(), chunk);
});

t.test('an older view stays as it was', async (t) => {
	const held = new HeldBytes();
	for (const text of ['a', 'b', 'c']) held.add(Buffer.from(text));
	const before = held.view;
	held.drop(2);
	held.add(Buffer.from('d'));
	t.equal(before.toString(), 'abc');
	t.equal(held.view.toString(), 'cd');
});

t.test('a byte at a time is copied a few times in all', async (t) => {
	const held = new HeldBytes();
	const rooms = new Set<ArrayBufferLike>();
	const byte = Buffer.from('x');
	for (let i = 0; i < 65_536; i++) {
		held.add(byte);
		rooms.add(held.view.buffer);
	}
	t.equal(held.length, 65_536);
	t.ok(rooms.size < 12, `${rooms.size} pieces of memory`);
});
