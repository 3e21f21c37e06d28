import t from 'tap';
import { RollCall } from '../../src/control/roll-call.ts';

const isComplete = (call: RollCall): Promise<boolean> =>
	Promise.race([call.complete.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

t.test('it is complete when all have answered, whoever answers twice', async (t) => {
	const call = new RollCall([0, 1]);
	call.answer(1);
	call.answer(1);
	call.answer(7);
	t.equal(await isComplete(call), false);
	call.answer(0);
	t.equal(await isComplete(call), true);
});

t.test('it is complete at once with nobody, and when it is dismissed', async (t) => {
	t.equal(await isComplete(new RollCall([])), true);
	const call = new RollCall([0]);
	call.dismiss();
	t.equal(await isComplete(call), true);
});
