import t, { type Test } from 'tap';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import { startApp } from '../support/app.ts';
import { certificateAuthority } from '../support/certificates.ts';
import { OpensslClient } from '../support/openssl-client.ts';
import { until } from '../support/peers.ts';
import { Postgres, psql, WHO } from '../support/postgres.ts';

const ca = certificateAuthority(t);
const postgres = new Postgres(t);
const [b, plain] = await Promise.all([postgres.start(t, 'b', ca.issue(['b.db.example'])), postgres.start(t, 'plain')]);

const VERIFIED = { sslmode: 'verify-full', sslrootcert: ca.certFile } as const;

type Listener = ConfigInput['listeners'][number];
type Pool = ConfigInput['pools'][number];

const start = (t: Test, listener: Partial<Listener>, pools: Pool[]) =>
	startApp(t, {
		engine: 'node',
		workers: 2,
		listeners: [{ name: 'db', bind: '127.0.0.1:0', routes: [], ...listener }],
		pools,
	});

const poolOf = (name: string, address: string, more: Partial<Pool> = {}): Pool => ({
	name,
	health: { active: 'off' },
	backends: [{ address }],
	...more,
});

t.test('termination: psql verifies us, before a server without TLS and one that we verify', async (t) => {
	const own = ca.issue(['plain.db.example', 'b.db.example']);
	const tls: Listener['tls'] = {
		mode: 'terminate',
		startTls: 'postgres',
		certificates: [{ cert: own.certFile, key: own.keyFile }],
		alpn: ['postgresql'],
	};
	const secure = { startTls: 'postgres', ca: ca.certFile, serverName: 'b.db.example' } as const;
	const pools = [poolOf('plain', plain.address), poolOf('b', b.address, { tls: secure })];
	const routes = [{ match: { sni: ['b.db.example'] }, to: ['b'] }, { to: ['plain'] }];
	const { heard, port } = await start(t, { tls, routes }, pools);
	const ask = (parameters: Record<string, string>, sql = WHO) => psql(sql, { ...parameters, port: port() });

	t.equal(await ask({ host: 'plain.db.example', ...VERIFIED }), `${plain.port}|f|`);
	t.equal(await ask({ host: 'b.db.example', ...VERIFIED }), `${b.port}|t|TLSv1.3`);
	const much = await ask({ host: 'b.db.example', ...VERIFIED }, "SELECT repeat('x', 5000000)");
	t.equal(much.length, 5_000_000);
	t.match(await ask({ host: 'c.db.example', ...VERIFIED }), /does not match host name "c\.db\.example"/);
	for (const option of [['-starttls', 'postgres'], []]) {
		const args = ['-alpn', 'postgresql', '-CAfile', ca.certFile, '-verify_hostname', 'plain.db.example'];
		const client = new OpensslClient(t, `127.0.0.1:${port()}`, [...option, ...args, '-verify_return_error']);
		await client.heard(/^Verification: OK$/m);
		await client.heard(/^ALPN protocol: postgresql$/m);
		await client.leave();
	}
	const records = await heard.until(() => (heard.records.length >= 6 ? heard.records : undefined));
	const served = records.filter(({ sni, uploadBytes }) => sni !== null && uploadBytes > 0);
	t.strictSame(served.map(({ pool, tls, outcome }) => `${pool} ${tls?.split(' ')[0]} ${outcome}`).sort(), [
		'b TLSv1.3 completed',
		'b TLSv1.3 completed',
		'plain TLSv1.3 completed',
	]);
	t.equal(records.filter(({ alpn }) => alpn === 'postgresql').length, 2);
});

t.test('probes of PostgreSQL with and without TLS leave no complaint in its log', async (t) => {
	const server = await postgres.start(t, 'probed', ca.issue(['db.example']));
	const quick = { interval: '100ms' } as const;
	const tls = { startTls: 'postgres', ca: ca.certFile, serverName: 'db.example' } as const;
	const wrong = { ...tls, serverName: 'other.example' } as const;
	const { heard } = await start(t, { routes: [{ to: ['connect', 'secure'] }] }, [
		poolOf('connect', server.address, { health: { active: quick } }),
		poolOf('secure', server.address, { tls, health: { active: { type: 'tls', ...quick } } }),
	]);
	const received = (): number => server.log.match(/connection received/g)?.length ?? 0;
	await until('ten probes', () => received() >= 10, 20_000);
	const others = server.log
		.split('\n')
		.filter((line) => !/connection received|listening|starting|ready|was shut down/.test(line));
	t.strictSame(
		others.filter((line) => line !== ''),
		[],
	);
	t.strictSame(
		heard.events
			.filter(({ msg }) => msg.startsWith('backend '))
			.map(({ fields }) => `${fields.pool} ${fields.reason}`)
			.sort(),
		['connect connect answered, first probe', 'secure TLS handshake done, first probe'],
	);
	const mistaken = await start(t, { routes: [{ to: ['secure'] }] }, [
		poolOf('secure', server.address, { tls: wrong, health: { active: { type: 'tls', ...quick } } }),
	]);
	const { fields } = await mistaken.heard.event('backend down');
	t.match(
		fields.reason,
		/^TLS handshake failed: Host: other\.example\. is not in the cert's altnames: DNS:db\.example/,
	);
});
