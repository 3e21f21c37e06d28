import t from 'tap';
import { DiffApart } from '../src/control/config/diff-apart.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import { folderOf, poolOf, steered, steeredConfig } from './support/steered.ts';

const KEYS = Array.from({ length: 80_000 }, (_, at) => `key-${at}: 1`).join('\n');
const LAUGHS = Array.from({ length: 40 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]`).join('\n');

/** Texts that are made to cost much, and what is wrong with them. */
const HOSTILE: readonly [what: string, text: string, message: RegExp][] = [
	['lists in lists', '['.repeat(200_000), /nested too deeply/],
	['mappings in mappings', '{a: '.repeat(100_000), /nested too deeply|candidate:1:/],
	['blocks in blocks', Array.from({ length: 1_400 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'), /candidate:1:/],
	['aliases of aliases', `a0: &a0 [x]\n${LAUGHS}`, /aliases cannot be expanded|aliases expanded/],
	['1 MiB of keys', KEYS, /unknown key "key-0"[\s\S]*and \d+ more faults/],
	['one key again and again', 'a: 1\n'.repeat(100_000), /is given twice/],
	['nothing, on many lines', '\n'.repeat(500_000), /is empty/],
	['one long text', `a: "${'\\u0041'.repeat(170_000)}"`, /unknown key "a"/],
];

t.test('a hostile candidate is answered soon, with what is wrong, and others are served meanwhile', async (t) => {
	const { ask } = await steered(t, steeredConfig(folderOf(t)));
	for (const [what, configuration, message] of HOSTILE) {
		let answered = false;
		const before = performance.now();
		const diff = ask({ method: 'POST', path: '/diff', body: { configuration } }).finally(() => {
			answered = true;
		});
		let slowest = 0;
		let others = 0;
		while (!answered) {
			const asked = performance.now();
			if ((await ask({ path: '/livez' })).status !== 200) t.fail(`/livez beside ${what}`);
			slowest = Math.max(slowest, performance.now() - asked);
			if (!answered) others += 1;
		}
		const { status, json, text } = await diff;
		t.comment(`${what}: ${(performance.now() - before).toFixed(0)} ms, /livez ${slowest.toFixed(0)} ms at most`);
		t.equal(status, 422, what);
		t.match(json?.message, message, what);
		t.ok(text.length < 100_000, `${text.length} characters`);
		t.ok(others > 5, `${others} others were answered before`);
	}
});

t.test('a good candidate is compared, and its faults have no path of the server in them', async (t) => {
	const folder = folderOf(t);
	const config = steeredConfig(folder);
	const { ask } = await steered(t, config);
	const diff = (candidate: unknown) =>
		ask({ method: 'POST', path: '/diff', body: { configuration: JSON.stringify(candidate) } });
	t.match(await diff(config), { status: 200, json: { summary: 'no changes' } });
	const next = { ...config, pools: [poolOf('a', 'c')], workers: 2 };
	t.match(await diff(next), {
		status: 200,
		json: { backends: { added: ['main/c'], removed: ['main/b'] }, restart: ['workers'] },
	});
	const bad = await diff({ ...config, drain: 5 });
	t.match(bad, { status: 422, json: { code: 'config-invalid', message: /^candidate:1:\d+: drain: / } });
	t.notMatch(bad.text, process.cwd());
});

t.test('what takes too long or too much is given up, and one is compared at a time', async (t) => {
	const config = parseConfigObject(steeredConfig('/run'));
	const comparison = { config, candidate: KEYS, folder: '/' };
	await t.rejects(new DiffApart({ ms: 1, megabytes: 512 }).compare(comparison), {
		code: 'config-too-costly',
		message: /more than 0.001 s/,
	});
	const small = new DiffApart({ ms: 20_000, megabytes: 24 });
	await t.rejects(small.compare(comparison), { code: 'config-too-costly', message: /more than 24 MiB of memory/ });
	const busy = new DiffApart();
	const first = busy.compare(comparison);
	await t.rejects(busy.compare(comparison), { code: 'busy' });
	await t.rejects(first, { code: 'config-invalid' });
});
