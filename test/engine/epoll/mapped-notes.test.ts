import t from 'tap';
import { Libc } from '../../../src/engine/epoll/libc.ts';
import { MappedNotes } from '../../../src/engine/epoll/mapped-notes.ts';

t.test('what was mapped and not unmapped is left, once', async (t) => {
	const memory = MappedNotes.memory();
	const notes = new MappedNotes(memory);
	notes.add(4_096, 10);
	notes.add(2 ** 47 - 4_096, 2 ** 33);
	notes.add(8_192, 30);
	notes.remove(4_096);
	notes.add(12_288, 40);
	const other = new MappedNotes(memory);
	const left = [
		{ address: 12_288, bytes: 40 },
		{ address: 2 ** 47 - 4_096, bytes: 2 ** 33 },
		{ address: 8_192, bytes: 30 },
	];
	t.same([...other.take()], left, 'another thread reads the same');
	t.same([...other.take()], []);
});

t.test('there is room for so many', async (t) => {
	const notes = new MappedNotes(MappedNotes.memory());
	for (let i = 1; i <= 8; i++) notes.add(i * 4_096, 1);
	t.throws(() => notes.add(4_096, 1), RangeError);
});

t.test('the C library notes what it maps, and what it unmaps', async (t) => {
	const maps = new MappedNotes(MappedNotes.memory());
	const libc = new Libc({ owners: new Int32Array(0), mark: 1, maps });
	const [one, two] = [libc.map(4_096, -1, 0), libc.map(8_192, -1, 0)];
	if (typeof one === 'number' || typeof two === 'number') throw new Error('no memory');
	two.words[2_047] = 7;
	t.equal(two.words[2_047], 7);
	libc.unmap(one);
	const left = [...maps.take()];
	t.same(left, [{ address: two.address, bytes: 8_192 }]);
	libc.unmap(two);
	t.equal(libc.map(4_096, 1_000_000, 0), -9, 'EBADF');
});
