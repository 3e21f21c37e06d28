import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { openTestedLibc } from '../../src/engine/epoll/self-test.ts';
import { enginesOf, missingEngines } from '../support/engines.ts';
import { ringReason } from '../support/epoll-in-process.ts';
import { allTargets, engineTargets } from '../support/harness.ts';

const here = readdirSync(new URL('.', import.meta.url));

t.test('Linux runs both engines, others the one that they have', async (t) => {
	t.same(enginesOf('linux'), ['node', 'epoll']);
	t.same(enginesOf('darwin'), ['node']);
});

t.test('an engine that did not run is missed, and nothing else is', async (t) => {
	t.same(missingEngines(['node', 'epoll'], new Set(['node', 'epoll'])), []);
	t.same(missingEngines(['node', 'epoll'], new Set(['node'])), ['epoll']);
	t.same(missingEngines(['epoll'], new Set(['node'])), ['epoll'], 'another in its place does not count');
	t.same(missingEngines(['epoll'], new Set()), ['epoll']);
});

t.test('on this platform every engine it has is a target, alone and under the application', async (t) => {
	const wanted = enginesOf(process.platform);
	const ways = wanted.map((engine) => `${engine} engine`);
	// `ring-self-test.test.ts` fails where it should be there and is not.
	if (ringReason === null) ways.push('epoll engine by io_uring');
	t.same(
		engineTargets().map(({ name }) => name),
		ways,
	);
	t.same(
		allTargets().map(({ name }) => name),
		[...ways, ...wanted.map((engine) => `application, ${engine}, 2 workers`)],
	);
});

t.test('the epoll engine works on Linux, and elsewhere says that it does not', async (t) => {
	const tested = openTestedLibc();
	t.equal('libc' in tested, process.platform === 'linux', 'reason' in tested ? tested.reason : 'it works');
});

/** Only the engine on Node's `tls` takes TLS off: listeners that need it run there, whatever `engine` says. */
const NODE_ALONE: ReadonlySet<string> = new Set([
	'terminate.rules.ts',
	'terminate-handshake.rules.ts',
	'terminate-resumption.rules.ts',
	'upstream-tls.rules.ts',
]);

t.test('rules that are tested one engine at a time are tested with each', async (t) => {
	const rules = here.filter((file) => file.endsWith('.rules.ts'));
	t.ok(rules.length > 5, 'the rules are there');
	for (const file of NODE_ALONE) t.ok(rules.includes(file), file);
	for (const file of rules) {
		for (const engine of NODE_ALONE.has(file) ? (['node'] as const) : enginesOf('linux')) {
			const name = file.replace('.rules.ts', `.${engine}.test.ts`);
			t.ok(here.includes(name), name);
			const text = here.includes(name) ? readFileSync(new URL(name, import.meta.url), 'utf8') : '';
			t.match(text, `conform('${engine}')`, `${name} asks for its engine`);
		}
	}
});
