import t from 'tap';
import type { Overflow } from '../../src/core/snapshot.ts';
import { mayAccept } from '../../src/policy/overflow.ts';
import { snapshotOf } from '../support/snapshots.ts';

/** Whether the next client may come, by what the two places do with overflow and whether they have room. */
const TABLE: readonly (readonly [listener: Overflow, process: Overflow, full: string, may: boolean])[] = [
	['refuse', 'refuse', 'both', true],
	['wait', 'refuse', 'process', true],
	['wait', 'refuse', 'listener', false],
	['refuse', 'wait', 'listener', true],
	['refuse', 'wait', 'process', false],
	['wait', 'wait', 'none', true],
	['wait', 'wait', 'listener', false],
	['wait', 'wait', 'process', false],
];

for (const [listener, process, full, may] of TABLE) {
	t.test(`listener: ${listener}, process: ${process}, full: ${full}`, async (t) => {
		const snapshot = snapshotOf({ listeners: [{ overflow: listener }], process: { overflow: process } });
		const own = snapshot.listeners[0];
		const hasRoom = (place: unknown): boolean =>
			full !== 'both' && full !== (place === own ? 'listener' : place === snapshot.process ? 'process' : 'another');
		t.equal(mayAccept(snapshot, 0, { hasRoom }, 1), may);
	});
}

t.test('a listener that the snapshot does not have holds up nobody', async (t) => {
	t.ok(mayAccept(snapshotOf(), 9, { hasRoom: () => false }, 1));
});
