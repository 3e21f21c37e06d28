import { readdirSync } from 'node:fs';
import t from 'tap';
import { SOCK_STREAM } from '../../../src/engine/epoll/layouts.ts';
import { Spare } from '../../../src/engine/epoll/spare.ts';
import { libc } from '../../support/native-tools.ts';

const open = (): number => readdirSync('/proc/self/fd').length;

t.test('a spare descriptor is lent once, and again when it was restocked', async (t) => {
	const before = open();
	let lent = 0;
	const spare = new Spare(libc, () => (lent += 1));
	t.equal(open(), before + 1);
	t.ok(spare.lend());
	t.equal(open(), before, 'it is free for another');
	t.notOk(spare.lend());
	t.equal(lent, 1);
	t.ok(spare.restock());
	t.ok(spare.restock(), 'twice is once');
	t.equal(open(), before + 1);
	t.ok(spare.lend());
	t.equal(lent, 2);
	spare.restock();
	spare.close();
	spare.close();
	t.equal(open(), before);
});

t.test('where there is none to be had it says so', async (t) => {
	const refusing = new Proxy(libc, {
		get: (target, name) => (name === 'socket' ? () => -24 : Reflect.get(target, name, target)),
	});
	const spare = new Spare(refusing, () => t.fail('nothing was lent'));
	t.notOk(spare.restock());
	t.notOk(spare.lend());
	const own = libc.socket(1, SOCK_STREAM);
	t.ok(own >= 0);
	libc.close(own);
});
