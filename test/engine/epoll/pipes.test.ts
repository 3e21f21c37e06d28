import { readdirSync } from 'node:fs';
import t from 'tap';
import type { Libc } from '../../../src/engine/epoll/libc.ts';
import { LARGE_PIPE_BYTES, PIPE_BYTES, PipePool } from '../../../src/engine/epoll/pipes.ts';
import { libc, put, socketPair } from '../../support/native-tools.ts';

const open = (): number => readdirSync('/proc/self/fd').length;

t.test('no more pipes than the budget, and none at all with 0', async (t) => {
	const pool = new PipePool(libc, 2);
	t.teardown(() => pool.destroy());
	const [one, two] = [pool.borrow(), pool.borrow()];
	t.ok(one && two);
	t.equal(pool.borrow(), null);
	t.equal(pool.inUse, 2);
	if (one) pool.giveBack(one);
	t.equal(pool.inUse, 1);
	t.equal(pool.borrow(), one, 'an idle one is lent again');
	if (one) pool.giveBack(one);
	if (two) pool.giveBack(two);
	t.equal(new PipePool(libc, 0).borrow(), null);
});

t.test('a quarter of the budget is large, and those are lent first', async (t) => {
	const pool = new PipePool(libc, 8);
	t.teardown(() => pool.destroy());
	const all = Array.from({ length: 8 }, () => pool.borrow());
	const sizes = (): (number | undefined)[] => all.map((pipe) => pipe?.capacity);
	t.same(sizes(), [LARGE_PIPE_BYTES, LARGE_PIPE_BYTES, ...Array<number>(6).fill(PIPE_BYTES)]);
	const [large, , small] = all;
	if (large) pool.giveBack(large);
	if (small) pool.giveBack(small);
	t.equal(pool.borrow(), large);
	t.equal(pool.borrow(), small);
	t.equal(pool.borrow(), null);
	if (small) pool.giveBack(small);
	if (large) pool.giveBack({ ...large, bytes: 1 });
	t.equal(pool.borrow()?.capacity, LARGE_PIPE_BYTES, 'one in place of one that was dirty');
});

t.test('over the limit of the user for large pipes there are others', async (t) => {
	const limited = new Proxy(libc, {
		get: (target, name) => {
			if (name === 'fcntl')
				return (fd: number, command: number, size: number) =>
					size > PIPE_BYTES ? -1 : target.fcntl(fd, command, size);
			const value: unknown = Reflect.get(target, name, target);
			return typeof value === 'function' ? value.bind(target) : value;
		},
	});
	const pool = new PipePool(limited, 4);
	t.teardown(() => pool.destroy());
	for (let i = 0; i < 4; i++) t.equal(pool.borrow()?.capacity, PIPE_BYTES);
	t.equal(pool.borrow(), null);
});

t.test('one with bytes left in it is not lent again', async (t) => {
	const before = open();
	const pool = new PipePool(libc, 1);
	const pipe = pool.borrow();
	if (pipe === null) throw new Error('no pipe');
	const { a, b } = socketPair(t);
	put(a, 'left over');
	pipe.bytes = libc.splice(b, pipe.writeFd, 100, 0);
	t.equal(pipe.bytes, 9);
	pool.giveBack(pipe);
	t.equal(pool.inUse, 0);
	t.equal(open(), before + 2, 'its descriptors are closed, those of the socket pair are not');
	const next = pool.borrow();
	t.not(next, pipe);
	t.equal(next?.bytes, 0);
	if (next) pool.giveBack(next);
	pool.destroy();
	t.equal(open(), before + 2);
});

/** A C library whose pipes fail in one way while it is told to. */
function refusing(what: 'pipe' | 'fcntl'): { readonly libc: Libc; refuse: boolean; asked: number } {
	const state = { libc, refuse: true, asked: 0 };
	state.libc = new Proxy(libc, {
		get: (target, name) => {
			const value: unknown = Reflect.get(target, name, target);
			if (typeof value !== 'function') return value;
			return (...given: unknown[]): unknown => {
				if (name === 'pipe') state.asked += 1;
				if (name === what && state.refuse) return -1;
				return Reflect.apply(value, target, given);
			};
		},
	});
	return state;
}

for (const what of ['pipe', 'fcntl'] as const) {
	t.test(`a system that refuses ${what} is not asked for every relay, and again after a while`, async (t) => {
		const before = open();
		const state = refusing(what);
		const pool = new PipePool(state.libc, 4);
		for (let i = 0; i < 500; i++) t.equal(pool.borrow(), null);
		t.equal(state.asked, 1);
		t.equal(open(), before, 'nothing stays open');
		state.refuse = false;
		let tries = 0;
		let pipe = pool.borrow();
		for (; pipe === null && tries < 10_000; tries++) pipe = pool.borrow();
		t.ok(pipe, `there is one after ${tries} more requests`);
		if (pipe) pool.giveBack(pipe);
		pool.destroy();
		t.equal(open(), before);
	});
}
