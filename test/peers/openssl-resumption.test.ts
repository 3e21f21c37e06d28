import { join } from 'node:path';
import t, { type Test } from 'tap';
import { certificateAuthority } from '../support/certificates.ts';
import { startEcho } from '../support/echo.ts';
import { LiveSluice } from '../support/live-scoreboard.ts';
import { OpensslClient } from '../support/openssl-client.ts';

/** How many times somebody may come back before both workers have answered: each time the kernel chooses. */
const MOST_VISITS = 40;
/** What `-reconnect` does after its first connection. */
const RECONNECTS = 5;

const ca = certificateAuthority(t);
const { certFile: cert, keyFile: key } = ca.issue(['a.example']);
const echo = await startEcho(t);

/** A real process with two workers. */
async function start(t: Test) {
	const sluice = new LiveSluice(t, {
		engine: 'node',
		workers: 2,
		listeners: [
			{
				name: 'in',
				bind: '127.0.0.1:0',
				tls: { mode: 'terminate', certificates: [{ cert, key }] },
				routes: [{ to: ['out'] }],
			},
		],
		pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: echo.address }] }],
	});
	const address = `127.0.0.1:${await sluice.port('in')}`;
	const client = (...args: string[]): OpensslClient =>
		new OpensslClient(t, address, [
			'-CAfile',
			ca.certFile,
			'-verify_return_error',
			'-servername',
			'a.example',
			...args,
		]);
	return { sluice, client };
}

/** Sessions that each worker has had. */
async function sessionsOf(sluice: LiveSluice): Promise<readonly number[]> {
	const { sessions } = await sluice.look();
	return sessions[0] ?? [0, 0];
}

/** Lets clients come back until a worker that had not answered before has, too. */
async function untilBoth(t: Test, sluice: LiveSluice, comeBack: () => Promise<number>): Promise<void> {
	for (let visits = 0; visits < MOST_VISITS; ) {
		visits += await comeBack();
		const sessions = await sessionsOf(sluice);
		if (sessions.length === 2 && !sessions.includes(0))
			return void t.pass(`sessions by worker: ${sessions.join(', ')}`);
	}
	t.fail(`one worker had all of ${MOST_VISITS} sessions`);
}

t.test('TLS 1.3: a session is taken up again by either worker, and after a reload', async (t) => {
	const { sluice, client } = await start(t);
	const file = join(ca.folder, 'session');
	t.match(await client('-tls1_3', '-sess_out', file).visit(), /^New, TLSv1\.3/m);
	const comeBack = async (): Promise<number> => {
		for (let i = 0; i < 4; i++) t.match(await client('-tls1_3', '-sess_in', file).visit(), /^Reused, TLSv1\.3/m);
		return 4;
	};
	await untilBoth(t, sluice, comeBack);
	sluice.run.kill('SIGHUP');
	await sluice.run.line('reloaded');
	await comeBack();
});

t.test('TLS 1.2: -reconnect finds its session at both workers', async (t) => {
	const { sluice, client } = await start(t);
	await untilBoth(t, sluice, async () => {
		const reconnecting = client('-tls1_2', '-reconnect');
		const said = await reconnecting.heard(
			new RegExp(`(?:^(?:New|Reused), TLSv1\\.2[\\s\\S]*){${1 + RECONNECTS}}`, 'm'),
		);
		t.equal(said.match(/^Reused, TLSv1\.2/gm)?.length, RECONNECTS);
		await reconnecting.leave();
		return 1 + RECONNECTS;
	});
});
