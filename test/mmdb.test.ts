import { copyFileSync, renameSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { EchoClient, echoBackend } from './support/backends.ts';
import { inCountry, makeMmdbs, padMmdb } from './support/mmdb.ts';
import { configFile, SluiceProcess, sluice } from './support/sluice-process.ts';

const MEGABYTE = 1_000_000;

const made = t.testdir();
const [GERMAN, FRENCH, ASN] = [join(made, 'de.mmdb'), join(made, 'fr.mmdb'), join(made, 'asn.mmdb')];
makeMmdbs(
	{ path: GERMAN, built: '2026-10-01T00:00:00Z', networks: [['127.0.0.0/8', inCountry('DE')]] },
	{ path: FRENCH, built: '2026-11-01T00:00:00Z', networks: [['127.0.0.0/8', inCountry('FR')]] },
	{ path: ASN, type: 'Test-ASN', networks: [['127.0.0.0/8', { autonomous_system_number: 64500 }]] },
);

const config = (backends: Record<'de' | 'fr', string>, more: object = {}) => ({
	drain: '0s',
	geo: { database: 'geo.mmdb' },
	...more,
	listeners: [
		{
			name: 'game',
			bind: '127.0.0.1:0',
			routes: [
				{ match: { countries: ['DE'] }, to: ['de'] },
				{ match: { countries: ['FR'] }, to: ['fr'] },
			],
		},
	],
	pools: Object.entries(backends).map(([name, address]) => ({ name, backends: [{ name, address }] })),
});

const NOWHERE = { de: '127.0.0.1:9', fr: '127.0.0.1:9' };

/** A configuration file with a database beside it. */
function withDatabase(t: Test, file: string, more: object = {}, backends = NOWHERE) {
	const { path, write } = configFile(t, config(backends, more));
	const database = join(dirname(path), 'geo.mmdb');
	copyFileSync(file, database);
	return { path, write, database };
}

function replace(database: string, by: string): void {
	copyFileSync(by, `${database}.new`);
	renameSync(`${database}.new`, database);
}

async function backends(t: Test) {
	const [de, fr] = [await echoBackend(t, 'de'), await echoBackend(t, 'fr')];
	return { de: de.address, fr: fr.address };
}

t.test('a database replaced under load is in force within seconds, and no client notices', async (t) => {
	const { path, database } = withDatabase(t, GERMAN, { workers: 2 }, await backends(t));
	padMmdb(database, 20 * MEGABYTE);
	padMmdb(FRENCH, 20 * MEGABYTE);
	const run = new SluiceProcess(t, ['run', '-c', path]);
	const port = await run.port('game');
	const lasting = new EchoClient(t, port);
	t.equal(await lasting.greeting(), 'de');
	let over = false;
	const served: string[] = [];
	const load = Array.from({ length: 4 }, async () => {
		while (!over) {
			const client = new EchoClient(t, port);
			served.push(await client.greeting());
			client.close();
			await client.end();
		}
	});
	replace(database, FRENCH);
	t.match(await run.line('geo database reread'), {
		file: database,
		built: '2026-11-01T00:00:00.000Z',
		builtBefore: '2026-10-01T00:00:00.000Z',
		snapshot: 2,
	});
	t.equal(await new EchoClient(t, port).greeting(), 'fr');
	over = true;
	await Promise.all(load);
	t.strictSame([...new Set(served)], ['de', 'fr'], 'every client was served, by one answer or the other');
	await lasting.echo('still here');
	run.kill('SIGTERM');
	t.match(await run.finished, { code: 0, stderr: '' });
});

t.test(
	'a database that becomes unusable is logged and stays in force, also over a reload, until another is named',
	async (t) => {
		const addresses = await backends(t);
		const { path, write, database } = withDatabase(t, GERMAN, { workers: 1 }, addresses);
		const run = new SluiceProcess(t, ['run', '-c', path]);
		const port = await run.port('game');
		truncateSync(database, 300);
		t.match(await run.line('geo database not reread'), {
			level: 'error',
			file: database,
			reason: 'it is not a MaxMind DB file, or not a whole one: the metadata at its end is missing',
			kept: '2026-10-01T00:00:00.000Z',
		});
		t.equal(await new EchoClient(t, port).greeting(), 'de');
		write(config(addresses, { workers: 1, drain: '1s' }));
		run.kill('SIGHUP');
		await run.line('reloaded');
		t.equal(await new EchoClient(t, port).greeting(), 'de');
		write(config(addresses, { workers: 1, geo: { database: 'other.mmdb' } }));
		run.kill('SIGHUP');
		const other = join(dirname(path), 'other.mmdb');
		const refused = await run.line('reload refused');
		t.match(
			String(refused.reason),
			new RegExp(`^${path}:\\d+:\\d+: geo\\.database: cannot use ${other}: no such file$`),
		);
		t.equal(await new EchoClient(t, port).greeting(), 'de');
		copyFileSync(FRENCH, other);
		run.kill('SIGHUP');
		t.match(await run.line('geo database', ({ file }) => file === other), { built: '2026-11-01T00:00:00.000Z' });
		t.equal(await new EchoClient(t, port).greeting(), 'fr');
	},
);

t.test('a database that cannot be used: run, check and explain exit with 1 and name file and place', async (t) => {
	const commands = [['run'], ['check'], ['explain', '--listener', 'game', '--ip', '127.0.0.1']];
	const { path, write, database } = withDatabase(t, ASN);
	const { geo: _, ...rest } = config(NOWHERE);
	write(`{ geo:\n  { database: geo.mmdb },\n${JSON.stringify(rest).slice(1)}`);
	const place = `${path}:2:15: geo.database: cannot use ${database}: `;
	const fault = 'it has no countries (its type is "Test-ASN"): a country or city database is needed';
	for (const command of commands) {
		const [name = '', ...options] = command;
		t.match(await sluice(t, name, '-c', path, ...options), { code: 1, stdout: '', stderr: `${place}${fault}\n` }, name);
	}
	truncateSync(database, 0);
	t.match(await sluice(t, 'run', '-c', path), { code: 1, stderr: `${place}it is empty\n` });
	copyFileSync(GERMAN, database);
	t.match(await sluice(t, 'check', '-c', path), { code: 0, stdout: 'ok: 1 listeners, 2 pools, 2 backends\n' });
	const explained = await sluice(t, 'explain', '-c', path, '--listener', 'game', '--ip', '127.0.0.1');
	t.match(explained, { code: 0, stdout: /^127\.0\.0\.1 \(DE, no region\)[\s\S]*pool de/ });
});

t.test('geo looks addresses up in a file', async (t) => {
	t.match(await sluice(t, 'geo', '127.0.0.1', '10.0.0.1', '::1', '--database', FRENCH), {
		code: 0,
		stdout: '127.0.0.1  FR\n10.0.0.1   -\n::1        -\n',
	});
	t.match(await sluice(t, 'geo', '127.0.0.1', '--database', '/nowhere/geo.mmdb'), {
		code: 1,
		stdout: '',
		stderr: '--database: cannot use /nowhere/geo.mmdb: no such file\n',
	});
});
