import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { startApp } from './support/app.ts';
import { certificateAuthority, type Issued } from './support/certificates.ts';
import { startEcho } from './support/echo.ts';
import { dialTls, type TlsPeer } from './support/tls.ts';

const authority = certificateAuthority(t);
const [first, second, third] = ['first', 'second', 'third'].map((name) =>
	authority.issue([`${name}.example`, 'both.example']),
);
const [cert, key] = [join(authority.folder, 'live.pem'), join(authority.folder, 'live.key')];

function put(issued: Issued | undefined): void {
	if (issued === undefined) throw new Error('not issued');
	copyFileSync(issued.certFile, cert);
	copyFileSync(issued.keyFile, key);
}

const configOf = (backend: string, rotate: string): ConfigInput => ({
	workers: 2,
	listeners: [
		{
			name: 'game',
			bind: '127.0.0.1:0',
			tls: { mode: 'terminate', certificates: [{ cert, key }], tickets: { rotate } },
			routes: [{ to: ['main'] }],
		},
	],
	pools: [{ name: 'main', backends: [{ address: backend }] }],
});

/** Asks for no certificate in particular, and looks for none. */
const CLIENT = { ca: authority.cert, servername: 'both.example', maxVersion: 'TLSv1.2' } as const;

const nameOf = (peer: TlsPeer): string | undefined => peer.tls.getPeerCertificate().subject.CN?.toString();

t.test('a certificate that changes is served to new clients; who is connected stays', async (t) => {
	put(first);
	const backend = await startEcho(t);
	const { app, heard, port, reload } = await startApp(t, configOf(backend.address, '12h'));
	const dial = () => dialTls(t, `127.0.0.1:${port()}`, { ca: authority.cert, servername: 'both.example' });
	const lasting = await dial();
	t.equal(nameOf(lasting), 'first.example');
	put(second);
	t.match(await heard.event('certificate changed'), { fields: { listener: 'game', file: cert, snapshot: 2 } });
	for (let i = 0; i < 4; i++) t.equal(nameOf(await dial()), 'second.example');
	lasting.send('still here');
	t.equal(await lasting.heard('still here'.length), 'still here');
	copyFileSync(third?.certFile ?? '', cert);
	t.match(await heard.event('certificate not reread'), { level: 'error', fields: { file: key } });
	t.equal(nameOf(await dial()), 'second.example', 'a bad pair keeps the old one');
	await t.rejects(reload(configOf(backend.address, '12h')), /the key does not belong to the certificate/);
	t.equal(nameOf(await dial()), 'second.example', 'and a reload is refused');
	copyFileSync(third?.keyFile ?? '', key);
	await heard.event('certificate changed', ({ fields }) => fields.snapshot !== 2);
	t.equal(nameOf(await dial()), 'third.example');
	t.equal(app.held.faults.length, 0);
});

/** Comes back with that session; answers whether it was taken. */
async function comesBack(t: Test, port: number, session: Buffer): Promise<boolean> {
	const peer = await dialTls(t, `127.0.0.1:${port}`, { ...CLIENT, session });
	const resumed = peer.tls.isSessionReused();
	peer.fin();
	return resumed;
}

async function newSession(t: Test, port: number): Promise<Buffer> {
	const session = Promise.withResolvers<Buffer>();
	const onSocket = (tls: TlsPeer['tls']): void => {
		tls.once('session', session.resolve);
	};
	const peer = await dialTls(t, `127.0.0.1:${port}`, { ...CLIENT, onSocket });
	const bytes = await session.promise;
	peer.fin();
	return bytes;
}

t.test('a session is resumed by every worker, over a reload and over a changed certificate', async (t) => {
	put(first);
	const backend = await startEcho(t);
	const { port, reload, heard } = await startApp(t, configOf(backend.address, '12h'));
	const session = await newSession(t, port());
	for (let i = 0; i < 8; i++) t.ok(await comesBack(t, port(), session));
	await reload({ ...configOf(backend.address, '1h'), drain: '7s' });
	for (let i = 0; i < 4; i++) t.ok(await comesBack(t, port(), session), 'after a reload');
	put(second);
	await heard.event('certificate changed');
	for (let i = 0; i < 4; i++) t.ok(await comesBack(t, port(), session), 'after another certificate');
});

t.test('after a rotation a ticket from before makes a full handshake', async (t) => {
	put(first);
	const backend = await startEcho(t);
	const { port, heard } = await startApp(t, configOf(backend.address, '1s'));
	const session = await newSession(t, port());
	const { level } = await heard.event('ticket key rotated');
	t.equal(level, 'debug');
	while (await comesBack(t, port(), session));
	t.pass('it is not taken any more');
});
