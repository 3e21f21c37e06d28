import t from 'tap';
import { parseConfigObject } from '../../../src/control/config/load.ts';
import type { Reading } from '../../../src/control/tls/files.ts';
import { remarksOn, remarkTexts, watchedFiles } from '../../../src/control/tls/remarks.ts';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);

const certificates = [{ cert: '/a.pem', key: '/a.key' }];
const config = parseConfigObject({
	listeners: ['game', 'chat'].map((name, i) => ({
		name,
		bind: `127.0.0.1:${7000 + i}`,
		tls: { mode: 'terminate' as const, certificates, clientAuth: { ca: `/${name}.pem` } },
		routes: [{ to: ['main'] }],
	})),
	pools: [
		{ name: 'main', tls: { ca: '/game.pem', clientCertificate: certificates[0] }, backends: [{ address: 'x:1' }] },
	],
});

const reading = (startDays: number, endDays: number, flaw: string | null = null): Reading => ({
	type: 'pair',
	stamp: '',
	pair: { certificate: '', key: '', ocsp: null, names: [] },
	keyType: 'ec',
	validity: { notBeforeMs: NOW + startDays * DAY_MS, notAfterMs: NOW + endDays * DAY_MS },
	flaw,
});

t.test('files are watched once, for all who use them', async (t) => {
	t.same(
		watchedFiles(config).map(({ use, owners }) => [use.type === 'pair' ? use.files.cert : use.file, owners]),
		[
			['/a.pem', { listener: 'game, chat', pool: 'main' }],
			['/game.pem', { listener: 'game', pool: 'main' }],
			['/chat.pem', { listener: 'chat' }],
		],
	);
});

t.test('the end of a certificate is told two weeks ahead', async (t) => {
	const [watched] = watchedFiles(config);
	if (watched === undefined) throw new Error('nothing is watched');
	const remarks = (...args: Parameters<typeof reading>) =>
		remarksOn(watched, reading(...args), NOW).map(({ msg, fields }) => [msg, fields.days ?? fields.reason ?? null]);
	const table: [Parameters<typeof reading>, ReturnType<typeof remarks>][] = [
		[[-1, 15], []],
		[[-1, 14], [['certificate expires soon', 14]]],
		[[-1, 0.5], [['certificate expires soon', 0]]],
		[[-9, 0], [['certificate has expired', null]]],
		[[-9, -3], [['certificate has expired', null]]],
		[[1, 90], [['certificate is not valid yet', null]]],
		[[-1, 90, 'x'], [['certificate chain is out of order', 'x']]],
		[
			[-1, 3, 'x'],
			[
				['certificate expires soon', 3],
				['certificate chain is out of order', 'x'],
			],
		],
	];
	for (const [args, wanted] of table) t.same(remarks(...args), wanted, args.join(' '));
	t.same(remarksOn(watched, reading(-1, 3), NOW)[0]?.fields, {
		listener: 'game, chat',
		pool: 'main',
		file: '/a.pem',
		notAfter: '2026-06-04T00:00:00.000Z',
		days: 3,
	});
});

t.test('for people they are lines', async (t) => {
	const files = new Map(watchedFiles(config).map(({ key }, i) => [key, reading(-9, i === 1 ? -1 : 99)]));
	t.same(remarkTexts(config, files, NOW), [
		'certificate has expired: listener game, pool main, file /game.pem, notAfter 2026-05-31T00:00:00.000Z',
	]);
});
