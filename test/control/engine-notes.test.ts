import t from 'tap';
import { EngineNotes, reasonForNode } from '../../src/control/engine-notes.ts';
import type { ListenerSnapshot } from '../../src/core/snapshot.ts';
import { terminateTls } from '../support/tls.ts';

type Noted = Pick<ListenerSnapshot, 'name' | 'tls' | 'needsNode'>;
const plain = (name: string): Noted => ({ name, tls: null, needsNode: false });
const terminating = (name: string): Noted => ({ name, tls: terminateTls([]), needsNode: true });
const toTls = (name: string): Noted => ({ name, tls: { mode: 'passthrough', startTls: null }, needsNode: true });

function bench(main: 'epoll' | 'node') {
	const told: string[] = [];
	const notes = new EngineNotes({ info: (msg, fields) => told.push(`${msg} ${JSON.stringify(fields)}`) }, main);
	return { told, notes };
}

t.test('why a listener needs the node engine', async (t) => {
	t.equal(reasonForNode(terminating('a')), 'terminates TLS');
	t.equal(reasonForNode(toTls('a')), 'speaks TLS to backends');
	t.equal(reasonForNode({ tls: null }), 'speaks TLS to backends');
});

t.test(
	'each listener on the other engine is told once, again when its reason changes, and when it comes back',
	async (t) => {
		const { told, notes } = bench('epoll');
		const take = (): string[] => told.splice(0);
		notes.tell([plain('a'), terminating('b')]);
		t.same(take(), ['engine node for this listener {"listener":"b","reason":"terminates TLS"}']);
		notes.tell([terminating('b'), plain('a')]);
		t.same(take(), []);
		notes.tell([toTls('a'), toTls('b')]);
		t.same(take(), [
			'engine node for this listener {"listener":"a","reason":"speaks TLS to backends"}',
			'engine node for this listener {"listener":"b","reason":"speaks TLS to backends"}',
		]);
		notes.tell([plain('a')]);
		t.same(take(), ['engine epoll for this listener {"listener":"a"}'], 'nothing of one that is gone');
		notes.tell([plain('a'), toTls('b')]);
		t.equal(take().length, 1);
	},
);

t.test('where all run on node nothing is told', async (t) => {
	const { told, notes } = bench('node');
	notes.tell([terminating('a')]);
	t.same(told, []);
});
