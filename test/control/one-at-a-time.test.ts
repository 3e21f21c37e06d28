import t from 'tap';
import { OneAtATime } from '../../src/control/one-at-a-time.ts';

t.test('what begins while another is on its way is left out', async (t) => {
	const runs = new OneAtATime();
	const begun: string[] = [];
	const gate = Promise.withResolvers<void>();
	const begin = (name: string): void =>
		runs.start(async () => {
			begun.push(name);
			await gate.promise;
		});
	await runs.rested();
	begin('first');
	begin('second');
	let rested = false;
	const rest = runs.rested().then(() => {
		rested = true;
	});
	await new Promise(setImmediate);
	t.notOk(rested);
	gate.resolve();
	await rest;
	begin('third');
	await runs.rested();
	t.same(begun, ['first', 'third']);
});
