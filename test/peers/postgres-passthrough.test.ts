import t from 'tap';
import { startApp } from '../support/app.ts';
import { certificateAuthority } from '../support/certificates.ts';
import { enginesOf } from '../support/engines.ts';
import { Postgres, psql, WHO } from '../support/postgres.ts';

const ca = certificateAuthority(t);
const stranger = certificateAuthority(t, 'Another CA');
const postgres = new Postgres(t);
const [a, b] = await Promise.all([
	postgres.start(t, 'a', ca.issue(['a.db.example'])),
	postgres.start(t, 'b', ca.issue(['b.db.example'])),
]);

const VERIFIED = { sslmode: 'verify-full', sslrootcert: ca.certFile } as const;
const FAILED = /^psql: error: connection to server at/;

/** Neither psql nor the server waits for the other's goodbye (close_notify): either may reset it at the end. */
const shown = (outcome: string): string =>
	['completed', 'backend-reset', 'client-reset'].includes(outcome) ? 'served' : outcome;

t.test('passthrough: psql verifies the server that it asks for, behind one port', async (t) => {
	for (const engine of enginesOf(process.platform)) {
		const routes = ['a', 'b'].map((name) => ({ match: { sni: [`${name}.db.example`] }, to: [name] }));
		const tls = { mode: 'passthrough', startTls: 'postgres' } as const;
		const pools = [
			{ name: 'a', backends: [{ address: a.address }] },
			{ name: 'b', backends: [{ address: b.address }] },
		];
		const { heard, port } = await startApp(t, {
			engine,
			workers: 2,
			listeners: [{ name: 'db', bind: '127.0.0.1:0', tls, routes }],
			pools,
		});
		const ask = (parameters: Record<string, string>, sql = WHO) => psql(sql, { ...parameters, port: port() });

		t.equal(await ask({ host: 'a.db.example', ...VERIFIED }), `${a.port}|t|TLSv1.3`);
		t.equal(await ask({ host: 'b.db.example', ...VERIFIED }), `${b.port}|t|TLSv1.3`);
		const older = { ...VERIFIED, ssl_max_protocol_version: 'TLSv1.2' };
		t.equal(await ask({ host: 'b.db.example', ...older }), `${b.port}|t|TLSv1.2`);
		const much = await ask({ host: 'a.db.example', ...VERIFIED }, "SELECT repeat('x', 5000000)");
		t.equal(much.length, 5_000_000);
		t.match(await ask({ host: 'c.db.example', ...VERIFIED }), FAILED);
		t.match(await ask({ host: 'a.db.example', sslmode: 'disable' }), FAILED);
		const doubtful = { ...VERIFIED, sslrootcert: stranger.certFile };
		t.match(await ask({ host: 'a.db.example', ...doubtful }), /certificate verify failed/);

		const records = await heard.until(() => (heard.records.length >= 7 ? heard.records : undefined));
		// Records of two workers come in no order.
		t.strictSame(records.map(({ sni, backend, outcome }) => `${sni} ${backend} ${shown(outcome)}`).sort(), [
			`a.db.example ${a.address} served`,
			`a.db.example ${a.address} served`,
			`a.db.example ${a.address} served`,
			`b.db.example ${b.address} served`,
			`b.db.example ${b.address} served`,
			'c.db.example null no-route',
			'null null not-tls',
		]);
		t.ok(records.every(({ tls }) => tls === null));
	}
});
