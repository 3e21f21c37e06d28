import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { Operations } from '../../src/control/admin/operations.ts';
import { AdminServer } from '../../src/control/admin/server.ts';
import { SluiceError } from '../../src/core/errors.ts';
import { command } from '../support/command.ts';
import { fakeOperations, NO_DIFF } from '../support/fake-operations.ts';

/** A balancer's admin socket, and commands that ask it. */
async function asking(t: Test, answers: Partial<Operations> = {}) {
	const folder = mkdtempSync(join(tmpdir(), 'cli-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const { asked, operations } = fakeOperations(answers);
	const server = await AdminServer.open({
		terms: { bind: { type: 'unix', path: join(folder, 's') }, tokens: [], tls: null },
		operations,
		log: { warn: () => {} },
		version: '1',
		metrics: async () => ({ type: 'text/plain', text: '' }),
	});
	t.teardown(() => server.close());
	const ask = (...args: string[]) => command(...args, '--admin', server.address);
	return { ask, asked, folder };
}

const OWNER = 'the unix socket';

test('what is looked at is printed as a table, or as JSON', async (t) => {
	const { ask } = await asking(t);
	const status = await ask('status');
	t.equal(status.code, 0);
	t.match(status.stdout, /sessions +3 of 100, 0.5\/s ended, 0 queued/);
	t.match(status.stdout, /^eu +1 of 1 healthy +3 of 10/m);
	t.match(JSON.parse((await ask('status', '--json')).stdout), { active: 3, pools: [{ name: 'eu' }] });
	const backends = await ask('backends', 'eu');
	t.match(backends.stdout, /^eu\/eu-1 +10\.1\.0\.1:7000 +up +1 +3 of 10/m);
	t.match(JSON.parse((await ask('backends', '--json')).stdout), [{ name: 'eu-1' }]);
	const sessions = await ask('sessions');
	t.match(sessions.stdout, /^0-1 +198\.51\.100\.7:4000 +DE +game +eu\/eu-1 +relaying/m);
});

test('alerts are part of the status', async (t) => {
	const alert = {
		name: 'full',
		when: 'sessions_active > 9',
		forMs: 0,
		state: 'firing',
		value: 10 / 3,
		since: '2026-01-01T00:00:00.000Z',
		webhook: 'delivered',
		told: { state: 'firing', time: '2026-01-01T00:00:01.000Z' },
		trouble: null,
	} as const;
	const { ask } = await asking(t, {
		alerts: () => [
			alert,
			{ ...alert, name: 'other', value: null, webhook: null, told: null },
			{ ...alert, webhook: 'waiting', trouble: 'answered 500' },
		],
	});
	const { stdout } = await ask('status');
	t.match(stdout, /^full +firing +sessions_active > 9 +3.333 +2026-01-01T00:00:00.000Z +delivered$/m);
	t.match(stdout, /^other +firing +sessions_active > 9 +- +2026-01-01T00:00:00.000Z +-$/m);
	t.match(stdout, /waiting, answered 500$/m);
	t.match(JSON.parse((await ask('status', '--json')).stdout), { alerts: [alert, { name: 'other' }] });
	t.notMatch((await (await asking(t)).ask('status')).stdout, /ALERT/);
});

test('the filters of sessions reach the API, and a further page is offered', async (t) => {
	let seen: unknown;
	const { ask } = await asking(t, {
		sessions: async (query) => {
			seen = query;
			return { sessions: [], next: '1-7' };
		},
	});
	const { stdout } = await ask(
		'sessions',
		'--pool',
		'eu',
		'--backend',
		'eu-1',
		'--client',
		'198.51.100.0/24',
		'--waiting',
		'--limit',
		'5',
	);
	t.same(seen, { pool: 'eu', backend: 'eu-1', client: '198.51.100.0/24', waiting: 'true', limit: 5 });
	t.match(stdout, /more: --after 1-7/);
	t.match(await ask('sessions', '--limit', '0'), { code: 1, stderr: /limit/ });
});

test('every order reaches its operation, and says what it did', async (t) => {
	const { ask, asked } = await asking(t);
	const cases: readonly [args: string[], said: RegExp, order: unknown[]][] = [
		[['drain', 'eu', 'eu-1'], /eu\/eu-1 drains/, ['drain', 'eu', 'eu-1', {}, OWNER]],
		[
			['drain', 'eu', 'eu-1', '--close-per-second', '20'],
			/drains/,
			['drain', 'eu', 'eu-1', { closePerSecond: 20 }, OWNER],
		],
		[['enable', 'eu', 'a/b c'], /is enabled/, ['enable', 'eu', 'a/b c', OWNER]],
		[['disable', 'eu', 'eu-1'], /is disabled/, ['disable', 'eu', 'eu-1', OWNER]],
		[['weight', 'eu', 'eu-1', '5'], /has weight 5/, ['setWeight', 'eu', 'eu-1', 5, OWNER]],
		[
			['add', 'eu', '10.1.0.9:7000', '--name', 'eu-9', '--backup'],
			/eu\/eu-9 is added/,
			['addBackend', 'eu', { address: '10.1.0.9:7000', name: 'eu-9', backup: true }, OWNER],
		],
		[['kill', '0-1'], /session 0-1 is ended/, ['kill', '0-1', OWNER]],
		[['reload'], /reloaded: no changes/, ['reload', OWNER]],
	];
	for (const [args, said, order] of cases) {
		const { code, stdout, stderr } = await ask(...args);
		t.equal(code, 0, `${args.join(' ')} ${stderr}`);
		t.match(stdout, said);
		t.same(asked.pop(), order);
	}
	t.same(asked, []);
});

test('what is refused exits with 1 and says why; nobody there exits with 2', async (t) => {
	const { ask } = await asking(t);
	t.match(await ask('remove', 'eu', 'eu-1'), { code: 1, stderr: /last backend of pool eu/, stdout: '' });
	t.match(await ask('kill', '9-9'), { code: 1, stderr: /there is no session 9-9 any more/ });
	t.match(await ask('weight', 'eu', 'eu-1', '999'), { code: 1, stderr: /not a number from 0 to 256/ });
	t.match(await ask('weight', 'eu', 'eu-1', '0.5'), { code: 1, stderr: /not a whole number/ });
	t.match(await command('status', '--admin', 'unix:/nowhere/s'), {
		code: 2,
		stderr: /cannot reach sluice at unix:\/nowhere\/s: nobody listens/,
	});
	t.match(await command('status', '--admin', '127.0.0.1:1'), { code: 2, stderr: /nobody listens there/ });
	t.match(await command('status', '--admin', 'a b'), { code: 1, stderr: /expected HOST:PORT/ });
});

test('top prints once what it sees where nobody can press keys', async (t) => {
	const { ask } = await asking(t);
	const { code, stdout } = await ask('top');
	t.equal(code, 0);
	t.match(stdout, /^sluice 0\.0\.0.*\nsessions 3 of 100 /);
	t.match(stdout, /^eu: 1 of 1 healthy, .*round-robin/m);
	t.match(stdout, /^eu\/eu-1 +up +enabled +1 +3 of 10/m);
	t.match(stdout, /^0-1 +198\.51\.100\.7:4000 +DE +eu\/eu-1 +relaying/m);
	t.match(JSON.parse((await ask('top', '--json')).stdout), { status: { active: 3 }, sessions: [{ id: '0-1' }] });
	t.match(await command('top', '--admin', '127.0.0.1:1'), { code: 2, stderr: /nobody listens there/ });
});

test('explain --live asks the balancer, and prints as explain does on paper', async (t) => {
	let seen: unknown;
	const { ask } = await asking(t, {
		explain: (query) => {
			seen = query;
			return fakeOperations().operations.explain(query);
		},
	});
	const live = ['explain', '--live', '--listener', 'game', '--ip', '198.51.100.7'];
	const { code, stdout } = await ask(...live, '--sni', 'A.example.com.', '--alpn', 'mqtt', '--alpn', 'h2');
	t.equal(code, 0);
	t.equal(stdout, '198.51.100.7 (DE, region eu) at listener game\n  route  route 1\n  => pool eu, backend eu-1\n');
	t.same(seen, { listener: 'game', ips: ['198.51.100.7'], sni: 'a.example.com', alpn: ['mqtt', 'h2'] });
	const two = JSON.parse((await ask(...live, '--ip', '2001:db8::1', '--json')).stdout);
	t.match(two, { clients: [{ pool: 'eu' }, { client: '2001:db8::1' }], spread: [{ clients: 2 }] });
	t.match(await ask(...live, '-c', 'x.yaml'), { code: 1, stderr: /cannot be used with/ });
	t.match(await command(...live.filter((arg) => arg !== '--live')), { code: 1, stderr: /--config.*nor --live/ });
});

test('a token is never taken from the command line itself', async (t) => {
	const { folder } = await asking(t);
	t.match(await command('status', '--token', 'secret'), { code: 1, stderr: /expected env:NAME or file:PATH/ });
	t.notMatch((await command('status', '--token', 'secret')).stderr, /secret/);
	t.match(await command('status', '--token', 'env:SLUICE_NO_SUCH'), { code: 1, stderr: /no SLUICE_NO_SUCH/ });
	t.match(await command('status', '--token', `file:${folder}/none`), { code: 1, stderr: /no such file/ });
});

test('a token is not sent in the clear to another machine', async (t) => {
	process.env.SLUICE_TEST_TOKEN = 'a-token-0123456789';
	const { ask } = await asking(t);
	const withToken = ['--token', 'env:SLUICE_TEST_TOKEN'];
	for (const admin of ['192.0.2.1:9900', 'http://admin.example:9900', '[2001:db8::1]:9900', '0.0.0.0:9900']) {
		const { code, stderr } = await command('status', '--admin', admin, ...withToken);
		t.equal(code, 1, admin);
		t.match(stderr, /a token is not sent in the clear to another machine: say https:\/\/.*:9900, or/);
		t.notMatch(stderr, /0123456789/);
	}
	for (const admin of ['127.0.0.1:1', 'localhost:1', '[::1]:1', 'https://127.0.0.1:1'])
		t.match(await command('status', '--admin', admin, ...withToken), { code: 2, stderr: /cannot reach/ }, admin);
	t.match(await ask('status', '--token', 'env:SLUICE_TEST_TOKEN'), { code: 1, stderr: /a token is needed/ });
});

test('diff sends the file and prints what would change', async (t) => {
	let sent = '';
	const { ask, folder } = await asking(t, {
		diff: async (candidate) => {
			sent = candidate;
			if (candidate === 'bad') throw new SluiceError('config-invalid', 'candidate:1:1: is not a mapping');
			return {
				...NO_DIFF,
				summary: 'x',
				pools: { added: ['us'], removed: [], changed: ['eu'] },
				restart: ['workers'],
			};
		},
	});
	const file = join(folder, 'next.yaml');
	writeFileSync(file, 'listeners: []\n');
	const { code, stdout } = await ask('diff', file);
	t.equal(code, 0);
	t.equal(sent, 'listeners: []\n');
	t.equal(stdout, '+ pools us\n~ pools eu\n! workers: needs a restart, a reload would be refused\n');
	writeFileSync(file, 'bad');
	t.match(await ask('diff', file), { code: 1, stderr: /next\.yaml:1:1: is not a mapping/ });
	t.match(await ask('diff', join(folder, 'none')), { code: 1, stderr: /no such file/ });
});

test('times, sizes and rates are short and have units', async (t) => {
	const { ageText, bandwidthText, bytesText, rateText } = await import('../../src/cli/admin/words.ts');
	t.same([0, 9_900, 61_000, 3_600_000, 90_061_000].map(ageText), ['0.0s', '9.9s', '1m 1s', '1h', '1d 1h']);
	t.same([0, 999, 1_000, 1_500_000, 999_999_999_999].map(bytesText), ['0 B', '999 B', '1.0 kB', '1.5 MB', '1.0 TB']);
	t.same([0, 125_000].map(bandwidthText), ['0 bit/s', '1.0 Mbit/s']);
	t.same([0.25, 12.4].map(rateText), ['0.3/s', '12/s']);
	t.end();
});
