import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { readAlertTerms } from '../../../src/control/alerts/read-terms.ts';
import { parseConfigText } from '../../../src/control/config/load.ts';

const configOf = (folder: string, ...webhooks: string[]) =>
	parseConfigText(
		[
			'alerts:',
			...webhooks.map((webhook, at) => `  - { name: a${at}, when: ready == 0, for: 5s, webhook: "${webhook}" }`),
			'listeners: [{ name: game, bind: "127.0.0.1:0", routes: [{ to: [eu] }] }]',
			'pools: [{ name: eu, backends: [{ address: "127.0.0.1:9" }] }]',
		].join('\n'),
		{ file: join(folder, 'sluice.yaml') },
	);

test('a webhook stands in the configuration, in a file or in the environment', async (t) => {
	const folder = t.testdir({ 'hook.url': ' https://hooks.example.com/file\n' });
	process.env.TEST_ALERT_HOOK = 'https://hooks.example.com/environment';
	const config = configOf(folder, 'http://127.0.0.1:9/', 'file:hook.url', 'env:TEST_ALERT_HOOK');
	const terms = await readAlertTerms(config);
	t.same(
		terms.map(({ webhook }) => webhook),
		['http://127.0.0.1:9/', 'https://hooks.example.com/file', 'https://hooks.example.com/environment'],
	);
	t.match(terms[0], { name: 'a0', when: 'ready == 0', forMs: 5_000, condition: { metric: 'sluice_ready' } });
});

test('one that cannot be used is told at its place, and never shown', async (t) => {
	const folder = t.testdir({});
	writeFileSync(join(folder, 'bad.url'), 'hooks.example.com/secret');
	process.env.TEST_ALERT_HOOK = 'ftp://secret';
	const config = configOf(folder, 'file:missing.url', 'file:bad.url', 'env:TEST_ALERT_HOOK', 'env:TEST_ALERT_NO_HOOK');
	const error = await readAlertTerms(config).then(
		() => '',
		({ message }: Error) => message.replaceAll(folder, ''),
	);
	t.same(error.split('\n'), [
		'/sluice.yaml:2:53: alerts[0].webhook: cannot use file:/missing.url: no such file',
		'/sluice.yaml:3:53: alerts[1].webhook: cannot use file:/bad.url: expected a URL that begins with http:// or https://',
		'/sluice.yaml:4:53: alerts[2].webhook: cannot use env:TEST_ALERT_HOOK: expected a URL that begins with http:// or https://',
		'/sluice.yaml:5:53: alerts[3].webhook: cannot use env:TEST_ALERT_NO_HOOK: it is not set',
	]);
});
