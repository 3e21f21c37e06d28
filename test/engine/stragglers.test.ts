import t from 'tap';
import { Stragglers } from '../../src/engine/stragglers.ts';

t.test('the oldest gives up when there are too many; who has closed counts no more', async (t) => {
	const stragglers = new Stragglers(() => 2);
	const gaveUp: string[] = [];
	const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => ({
		giveUp() {
			gaveUp.push(name);
			// Its socket closes, and that is told, within the call.
			stragglers.delete(this);
		},
	}));
	if (!a || !b || !c || !d) throw new Error('four');
	for (const straggler of [a, b]) stragglers.add(straggler);
	t.same(gaveUp, []);
	stragglers.add(c);
	t.same(gaveUp, ['a']);
	stragglers.delete(b);
	stragglers.add(d);
	t.same(gaveUp, ['a']);
	t.equal(stragglers.size, 2);
});

t.test('the limit is what it says by then', async (t) => {
	let limit = 3;
	const stragglers = new Stragglers(() => limit);
	let gaveUp = 0;
	const add = () => stragglers.add({ giveUp: () => void gaveUp++ });
	for (let i = 0; i < 3; i++) add();
	t.equal(gaveUp, 0);
	limit = 1;
	for (let i = 0; i < 3; i++) add();
	t.equal(gaveUp, 3);
});
