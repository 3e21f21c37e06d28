import t, { type Test } from 'tap';
import { type AccessLine, type ConfigInput, createSluice } from '../src/index.ts';
import { until } from './support/peers.ts';
import { RedisServer } from './support/redis.ts';
import { connectRedis } from './support/redis-client.ts';
import { RedisLoad, type Visit } from './support/redis-load.ts';
import { ReplyReader } from './support/redis-replies.ts';

const HOSTS = ['127.0.0.11', '127.0.0.12', '127.0.0.13'] as const;
const VICTIM = HOSTS[1];
const CLIENTS = { short: 8, long: 18 };
/** Sessions that each phase has to see before the next begins. */
const ENOUGH = 300;
const PATIENCE_MS = 12_000;

type Pool = ConfigInput['pools'][number];

const config = (servers: readonly RedisServer[], pool: Partial<Pool>): ConfigInput => ({
	workers: 2,
	listeners: [{ name: 'redis', bind: '127.0.0.1:0', routes: [{ to: ['redis'] }] }],
	pools: [
		{
			name: 'redis',
			balance: 'least-connections',
			retries: { attempts: 2, backoff: '5ms', maxBackoff: '20ms' },
			backends: servers.map(({ host, address }) => ({ name: host, address })),
			...pool,
		},
	],
});

const portOf = (address: string | undefined): number => Number(address?.split(':').at(-1));

/** Kills one of three servers under load and starts it again; answers what clients and balancer saw. */
async function loseOneServer(t: Test, pool: Partial<Pool>): Promise<{ visits: Visit[]; records: AccessLine[] }> {
	const servers = await Promise.all(HOSTS.map((host) => RedisServer.start(t, host)));
	const victim = servers[HOSTS.indexOf(VICTIM)];
	if (victim === undefined) throw new Error('no victim');
	const records: AccessLine[] = [];
	const balancer = await createSluice(config(servers, pool), { onRecord: (record) => records.push(record) });
	t.teardown(() => balancer.close({ drainMs: 0 }));
	const load = new RedisLoad(portOf(balancer.addresses[0]?.address), CLIENTS);
	const longOn = (host: string): boolean => load.visits.some((visit) => visit.kind === 'long' && visit.server === host);
	const served = (): boolean => load.good('before') >= ENOUGH && HOSTS.every(longOn);
	await until('every server has sessions of both kinds', served, PATIENCE_MS);

	load.phase = 'killing';
	await victim.kill();
	load.phase = 'dead';
	await until('sessions while one is dead', () => load.good('dead') >= ENOUGH, PATIENCE_MS);
	load.phase = 'starting';
	await victim.start();
	load.phase = 'again';
	await until('sessions on the server that is back', () => load.good('again', VICTIM) >= 20, PATIENCE_MS);
	await load.stop();
	await until('a record for each session', () => records.length >= load.visits.length, PATIENCE_MS);
	await balancer.close();
	return { visits: load.visits, records };
}

/** Where the balancer had put a client that never learned it. */
const backendOf = ({ server, port }: Visit, records: readonly AccessLine[]): string | null =>
	server ?? records.find(({ client }) => client === `127.0.0.1:${port}`)?.backend ?? null;

function checkVisits(t: Test, visits: readonly Visit[], records: readonly AccessLine[]): void {
	const lost = visits.filter(({ failed }) => failed !== null);
	// A reset may reach a client before it has learned its own port: such a one cannot be looked up, but is counted.
	const elsewhere = lost.filter((visit) => visit.port !== 0 && backendOf(visit, records) !== VICTIM);
	t.strictSame(elsewhere, [], 'only sessions on the killed server failed');
	const resets = records.filter(({ outcome, backend }) => outcome === 'backend-reset' && backend === VICTIM);
	const unknown = lost.filter(({ port }) => port === 0);
	t.ok(
		unknown.length <= resets.length,
		`${unknown.length} not known by port, ${resets.length} sessions were reset there`,
	);
	t.ok(lost.length > 0, `${lost.length} did`);
	const long = visits.filter(({ kind, phase }) => kind === 'long' && phase === 'before');
	t.equal(long.length, CLIENTS.long);
	for (const { server, failed } of long) {
		if (server === VICTIM ? failed === null : failed !== null) t.fail(`a long session on ${server}: ${failed}`);
	}
	const dead = visits.filter(({ phase }) => phase === 'dead');
	t.ok(dead.length >= ENOUGH, `${dead.length} sessions began while it was dead`);
	t.strictSame(
		dead.filter(({ server, failed }) => failed !== null || server === VICTIM),
		[],
		'and all of them were served by the others',
	);
	const late = visits.filter(({ phase, failed }) => phase === 'again' && failed !== null);
	t.strictSame(late, [], 'no session failed once it was back');
}

function checkRecords(t: Test, visits: readonly Visit[], records: readonly AccessLine[]): void {
	t.equal(records.length, visits.length, 'one record for each session');
	const wrong = records.filter(
		({ outcome, backend }) => outcome !== 'completed' && !(outcome === 'backend-reset' && backend === VICTIM),
	);
	t.strictSame(wrong, [], 'sessions were completed, or reset by the killed server');
	for (const visit of visits.filter(({ server }) => server !== null)) {
		const record = records.find(
			({ client, backend }) => client === `127.0.0.1:${visit.port}` && backend === visit.server,
		);
		if (record === undefined) t.fail(`no record for ${JSON.stringify(visit)}`);
	}
}

t.test(
	'one of three servers is killed under load and started again: retries alone hide it from new sessions',
	async (t) => {
		const { visits, records } = await loseOneServer(t, { health: { active: 'off', passive: 'off' } });
		checkVisits(t, visits, records);
		checkRecords(t, visits, records);
		const retried = records.filter(({ attempts, outcome }) => attempts > 1 && outcome === 'completed');
		t.ok(retried.length > 0, `${retried.length} sessions were refused there first`);
	},
);

t.test('the same with probes and ejection, which spare new sessions the try', async (t) => {
	const health = {
		active: { type: 'tcp' as const, interval: '100ms', timeout: '1s', rise: 2, fall: 2 },
		passive: { failures: 3, within: '10s', eject: '200ms' },
	};
	const { visits, records } = await loseOneServer(t, { health });
	checkVisits(t, visits, records);
	checkRecords(t, visits, records);
});

t.test('what one stores through the balancer, in pieces of any size, another reads', async (t) => {
	const server = await RedisServer.start(t, HOSTS[0]);
	await using balancer = await createSluice(config([server], {}));
	const port = portOf(balancer.addresses[0]?.address);
	const value = Array.from({ length: 200_000 }, (_, i) => String(i)).join(',');
	const [writer, reader] = [await connectRedis(port), await connectRedis(port)];
	t.equal(await writer.call('SET', 'big', value), 'OK');
	t.equal((await reader.call('GET', 'big')) === value, true, `${value.length} bytes`);
	const answers = await Promise.all(Array.from({ length: 1_000 }, () => reader.call('INCR', 'count')));
	t.strictSame(
		answers,
		Array.from({ length: 1_000 }, (_, i) => i + 1),
		'a thousand calls in one go',
	);
	await t.rejects(writer.call('INCR', 'big'), /not an integer/);
	writer.close();
	reader.close();
});

t.test('the client reads replies however they are cut', (t) => {
	const bytes = Buffer.from('+OK\r\n-ERR no\r\n:42\r\n$5\r\na\r\nbc\r\n$-1\r\n*2\r\n$1\r\nx\r\n*1\r\n:1\r\n*0\r\n');
	const whole = ['OK', new Error('ERR no'), 42, 'a\r\nbc', null, ['x', [1]], []];
	for (let size = 1; size <= bytes.length; size++) {
		const reader = new ReplyReader();
		const replies = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
			reader.push(bytes.subarray(i * size, (i + 1) * size)),
		).flat();
		t.same(replies, whole, `in pieces of ${size}`);
	}
	t.end();
});
