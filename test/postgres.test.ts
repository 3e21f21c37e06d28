import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { type Heard, startApp } from './support/app.ts';
import { startBackend, type Teardown } from './support/echo.ts';
import { refusingAddress } from './support/net-ports.ts';
import { type BenchRun, Postgres, pgbench } from './support/postgres.ts';

const LONG = 6;
const LONG_SECONDS = 7;
/** No short session lasts so long. */
const LONGER_THAN_SHORT_MS = 500;

const HEALTH = {
	active: { interval: '200ms', timeout: '1s', rise: 2, fall: 2 },
	passive: { failures: 3, within: '10s', eject: '500ms' },
} as const;

type Backends = ConfigInput['pools'][number]['backends'];

const configOf = (backends: Backends, more: Partial<ConfigInput['listeners'][number]> = {}): ConfigInput => ({
	workers: 2,
	listeners: [{ name: 'db', bind: '127.0.0.1:0', routes: [{ to: ['db'] }], ...more }],
	pools: [
		{ name: 'db', balance: 'least-connections', retries: { attempts: 2, backoff: '20ms' }, health: HEALTH, backends },
	],
});

const postgres = new Postgres(t);

/** A file with one short transaction. */
function scriptIn(folder: string): string {
	const script = join(folder, 'one.sql');
	writeFileSync(script, 'SELECT 1;\n');
	return script;
}

/** Waits until so many sessions have ended since `from`, and answers those. */
const endedSince = (heard: Heard, from: number, count: number) =>
	heard.until(() => (heard.records.length >= from + count ? heard.records.slice(from) : undefined));

t.test('one of two servers is killed and started again: its sessions fail, no other does', async (t) => {
	const [a, b] = await Promise.all([postgres.start(t, 'a'), postgres.start(t, 'b')]);
	const { heard, port } = await startApp(
		t,
		configOf([
			{ name: 'a', address: a.address },
			{ name: 'b', address: b.unixAddress },
		]),
	);
	const script = scriptIn(postgres.folder);
	const run = (args: readonly string[]): Promise<BenchRun> => pgbench(t, script, port(), args);
	const short = (count: number): Promise<BenchRun> => run(['-C', '-c', '1', '-t', String(count)]);
	await heard.event('backend up', ({ fields }) => fields.backend === 'a');
	await heard.event('backend up', ({ fields }) => fields.backend === 'b');

	const longs = Array.from({ length: LONG }, () => run(['-c', '1', '-T', String(LONG_SECONDS), '-R', '50']));
	// Until the long ones can be told from the short ones by how long they lasted.
	const beganMs = performance.now();
	do t.equal((await short(20)).code, 0, 'new sessions while both run');
	while (performance.now() - beganMs < 1_000);
	const before = heard.records.length;
	await a.kill();
	const cut = await heard.until(() => {
		const ended = heard.records
			.slice(before)
			.filter(({ backend, durationMs }) => backend === 'a' && durationMs > LONGER_THAN_SHORT_MS);
		return ended.length > 0 && heard.records.length > before ? ended : undefined;
	});
	t.ok(cut.length > 0 && cut.length < LONG, 'sessions on the killed server were cut off');

	const killed = heard.records.length;
	t.equal((await short(30)).code, 0, 'every new session is served, from the first on');
	const avoided = (await endedSince(heard, killed, 30)).filter(({ durationMs }) => durationMs < 1_000);
	t.strictSame(
		[...new Set(avoided.map(({ backend, outcome }) => `${backend} ${outcome}`))].filter(
			(text) => !text.startsWith('a '),
		),
		['b completed'],
	);
	t.ok(
		avoided.every(({ attempts }) => attempts <= 2),
		'some met the killed one first, and were served by the other at their next try',
	);

	await heard.event('backend down', ({ fields }) => fields.backend === 'a');
	const downAt = heard.records.length;
	t.equal((await short(10)).code, 0);
	t.ok(
		(await endedSince(heard, downAt, 10)).every(({ attempts }) => attempts === 1),
		'then none does',
	);

	const ups = heard.events.length;
	await a.start();
	const up = await heard.until(() =>
		heard.events.slice(ups).find(({ msg, fields }) => msg === 'backend up' && fields.backend === 'a'),
	);
	t.match(up.fields, { pool: 'db', reason: 'connect answered, 2 in a row' });
	const back = heard.records.length;
	t.equal((await short(30)).code, 0);
	await heard.until(() => heard.records.slice(back).find(({ backend }) => backend === 'a'));
	t.pass('it has sessions again');

	const ends = await Promise.all(longs);
	const cutOff = heard.records.slice(before).filter(({ backend, outcome, durationMs }) => {
		return (
			backend === 'a' &&
			durationMs > LONGER_THAN_SHORT_MS &&
			durationMs < LONG_SECONDS * 900 &&
			outcome !== 'connect-failed'
		);
	});
	t.equal(ends.filter(({ code }) => code !== 0).length, cutOff.length, 'those and only those clients failed');
	t.equal(ends.filter(({ code }) => code === 0).length, LONG - cutOff.length);
});

t.test('broken servers, as a client of PostgreSQL meets them', async (t) => {
	const server = await postgres.start(t, 'a');
	const script = scriptIn(postgres.folder);
	const visit = async (t: Teardown, backends: Backends) => {
		const config = configOf(backends, { timeouts: { idle: '500ms' } });
		const pools = config.pools.map((pool) => ({
			...pool,
			balance: 'first' as const,
			health: { active: 'off' as const },
		}));
		const { heard, port } = await startApp(t, { ...config, pools });
		const { code } = await pgbench(t, script, port(), ['-C', '-c', '1', '-t', '1']);
		return { code, record: (await endedSince(heard, 0, 1))[0] };
	};
	const good = { name: 'good', address: server.address };

	const hangs = await startBackend(t, { onClient: (socket) => socket.resume().on('end', () => socket.end()) });
	const hung = await visit(t, [{ name: 'hangs', address: hangs.address }, good]);
	t.match(hung.record, { backend: 'hangs', outcome: 'idle-timeout', attempts: 1 });
	t.not(hung.code, 0);

	const refused = await visit(t, [{ name: 'refuses', address: await refusingAddress() }, good]);
	t.match(refused.record, { backend: 'good', outcome: 'completed', attempts: 2 });
	t.equal(refused.code, 0, 'the client does not notice');

	const resets = await startBackend(t, {
		onClient: (socket) =>
			socket.on('data', () => socket.write('R', () => setTimeout(() => socket.resetAndDestroy(), 20))),
	});
	const reset = await visit(t, [{ name: 'resets', address: resets.address }, good]);
	t.match(reset.record, { backend: 'resets', outcome: 'backend-reset', attempts: 1 });
	t.not(reset.code, 0);
});
