import type { SecureVersion, TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { TlsFacts } from '../../../../src/core/session-io.ts';
import type { ClientAuth, TerminateTls } from '../../../../src/core/snapshot.ts';
import { ServerContexts } from '../../../../src/engine/node/tls/server-contexts.ts';
import { TlsStore } from '../../../../src/engine/node/tls/tls-store.ts';
import { certificateAuthority } from '../../../support/certificates.ts';
import { acceptOne } from '../../../support/node-connection.ts';
import { snapshotOf } from '../../../support/snapshots.ts';
import { certificateOf, type DialTlsOptions, secureClient, terminateTls } from '../../../support/tls.ts';

const ca = certificateAuthority(t);
const [ecdsa, rsa] = [ca.issue(['a.example']), ca.issue(['a.example'], { keyKind: 'rsa' })];
const device = ca.issue(['device', 'who@example', 'spiffe://x/y'], { client: true, commonName: 'Device 7' });
const VERSIONS: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];
const auth: ClientAuth = { ca: ca.cert, mode: 'require', names: [], fingerprints: [] };

const NO_HELLO = Buffer.alloc(0);

interface Visit {
	readonly tls: TlsFacts;
	/** SHA-256 of the server's certificate. */
	readonly shown: string;
	readonly session: Buffer | null;
}

/** One client, from handshake to a byte from the server, so that its tickets have come. */
async function visit(t: Test, store: TlsStore, tls: TerminateTls, options: DialTlsOptions = {}): Promise<Visit> {
	const it = await acceptOne(t, { paused: true, tls: store });
	it.connection.peek(0, 65_536);
	let session: Buffer | null = null;
	const onSocket = (socket: TLSSocket): void => {
		socket.on('session', (latest) => {
			session = latest;
		});
		options.onSocket?.(socket, it.client.socket);
	};
	const secured = secureClient(it.client.socket, { servername: 'a.example', ca: ca.cert, ...options, onSocket });
	await it.next('bytes');
	it.connection.handshake(tls, options.servername ?? 'a.example');
	const client = await secured;
	const told = await it.next('tls-ready');
	it.connection.reply(Buffer.from('.'));
	await client.heard(1);
	const shown = client.tls.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? 'none';
	it.connection.close('fin');
	client.fin();
	return { tls: told.tls, shown, session };
}

t.test('RSA and ECDSA serve side by side, each with its own chain', async (t) => {
	const [one, two] = [ca.authority('In between'), ca.authority('Also in between')];
	const [ecdsa, rsa] = [one.issue(['a.example']), two.issue(['a.example'], { keyKind: 'rsa' })];
	const both = terminateTls([
		certificateOf(ecdsa, { certificate: ecdsa.cert + one.cert }),
		certificateOf(rsa, { certificate: rsa.cert + two.cert }),
	]);
	const store = new TlsStore();
	const table = [
		[{ sigalgs: 'ECDSA+SHA256' }, ecdsa],
		[{ sigalgs: 'RSA-PSS+SHA256:ECDSA+SHA256', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }, rsa],
		[
			{
				sigalgs: 'RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA256',
				ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256',
				maxVersion: 'TLSv1.2',
			},
			ecdsa,
		],
	] as const;
	for (const [offers, expected] of table) t.equal((await visit(t, store, both, offers)).shown, expected.fingerprint);
	t.equal(store.clients.size, 1, 'one context serves both');
});

t.test('a certificate is chosen by server name', async (t) => {
	const [a, b] = [ca.issue(['a.example']), ca.issue(['*.b.example'])];
	const terms = terminateTls([certificateOf(a), certificateOf(b)]);
	const store = new TlsStore();
	for (const [servername, expected] of [
		['a.example', a],
		['x.b.example', b],
		['y.b.example', b],
		['elsewhere', a],
	] as const) {
		const { shown } = await visit(t, store, terms, { servername, checkServerIdentity: () => undefined });
		t.equal(shown, expected.fingerprint, servername);
	}
	t.equal(store.clients.size, 2);
});

t.test("what a client's certificate says", async (t) => {
	for (const maxVersion of VERSIONS) {
		const own = { cert: device.cert, key: device.key, maxVersion };
		const certificate = {
			verified: true,
			error: null,
			commonName: 'Device 7',
			names: ['device', 'who@example', 'spiffe://x/y', 'device 7'],
			fingerprint: device.fingerprint,
		};
		const require = terminateTls([certificateOf(ecdsa)], { clientAuth: auth });
		t.same((await visit(t, new TlsStore(), require, own)).tls.certificate, certificate);
	}
});

t.test('where a certificate is only requested, none or a strange one is no reason to refuse', async (t) => {
	const request = terminateTls([certificateOf(ecdsa)], { clientAuth: { ...auth, mode: 'request' } });
	const stranger = certificateAuthority(t, 'Other CA').issue(['stranger'], { client: true });
	for (const maxVersion of VERSIONS) {
		t.equal((await visit(t, new TlsStore(), request, { maxVersion })).tls.certificate, null);
		const { tls } = await visit(t, new TlsStore(), request, { cert: stranger.cert, key: stranger.key, maxVersion });
		t.match(tls.certificate, { verified: false, error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', names: ['stranger'] });
	}
});

t.test('a session is taken up again by any worker, and after a reload that leaves the TLS as it was', async (t) => {
	const terms = terminateTls([certificateOf(ecdsa)]);
	for (const maxVersion of VERSIONS) {
		const first = await visit(t, new TlsStore(), terms, { maxVersion });
		t.notOk(first.tls.resumed);
		const { session } = first;
		t.ok(session, 'there was a ticket');
		const again = { maxVersion, ...(session === null ? {} : { session }) };
		const other = new TlsStore();
		t.match((await visit(t, other, terms, again)).tls, { resumed: true, version: maxVersion });
		other.apply(snapshotOf({ listeners: [] }));
		t.equal(other.clients.size, 0);
		t.match((await visit(t, other, { ...terms }, again)).tls, { resumed: true }, 'built again');
	}
});

t.test(
	'a session is not taken up under other terms, or with another key; a renewed certificate is no matter',
	async (t) => {
		const terms = terminateTls([certificateOf(ecdsa)]);
		const table: [Partial<TerminateTls>, boolean][] = [
			[{ certificates: [certificateOf(rsa, { isDefault: true })], alpn: ['mqtt'] }, true],
			[{ clientAuth: { ...auth, mode: 'request' } }, false],
			[{ ciphers: 'ECDHE+AESGCM' }, false],
			[{ ticketKey: Buffer.alloc(48, 8) }, false],
		];
		for (const maxVersion of VERSIONS) {
			const { session } = await visit(t, new TlsStore(), terms, { maxVersion });
			const again = { maxVersion, ...(session === null ? {} : { session }) };
			for (const [other, resumed] of table) {
				const changed = { ...terms, ...other, identity: 'changed' };
				t.equal((await visit(t, new TlsStore(), changed, again)).tls.resumed, resumed, Object.keys(other).join());
			}
		}
	},
);

t.test("a session that is taken up keeps its client's certificate", async (t) => {
	const terms = terminateTls([certificateOf(ecdsa)], { clientAuth: auth });
	for (const maxVersion of VERSIONS) {
		const own = { cert: device.cert, key: device.key, maxVersion };
		const { session } = await visit(t, new TlsStore(), terms, own);
		const again = session === null ? own : { ...own, session };
		const { tls } = await visit(t, new TlsStore(), terms, again);
		t.match(tls, { resumed: true, certificate: { verified: true, fingerprint: device.fingerprint } });
	}
});

t.test('an OCSP response is stapled for those who ask, of the certificate that they are shown', async (t) => {
	const [ofEcdsa, ofRsa] = [ca.ocsp(ecdsa).der, ca.ocsp(rsa).der];
	const stapled = certificateOf(ecdsa, { ocsp: new Uint8Array(ofEcdsa) });
	const both = terminateTls([certificateOf(rsa, { ocsp: new Uint8Array(ofRsa) }), stapled]);
	const onlyRsa = { sigalgs: 'RSA-PSS+SHA256' };
	const table: [string, TerminateTls, DialTlsOptions, Buffer | null][] = [
		['one certificate', terminateTls([stapled]), {}, ofEcdsa],
		['one, for an older client', terminateTls([stapled]), { maxVersion: 'TLSv1.2' }, ofEcdsa],
		['none to staple', terminateTls([certificateOf(rsa)]), {}, null],
		['two', both, {}, ofEcdsa],
		['two, for a client that takes one', both, onlyRsa, ofRsa],
		['two, of which the one shown has none', terminateTls([certificateOf(rsa), stapled]), onlyRsa, null],
		['two, for a client that may be shown either', both, { maxVersion: 'TLSv1.2' }, null],
	];
	for (const [what, terms, options, expected] of table) {
		const heard: (Buffer | null)[] = [];
		const onSocket = (socket: TLSSocket): void => void socket.on('OCSPResponse', (response) => heard.push(response));
		await visit(t, new TlsStore(), terms, { ...options, requestOCSP: true, onSocket } as DialTlsOptions);
		t.same(heard[0] ?? null, expected, what);
	}
	await visit(t, new TlsStore(), terminateTls([stapled]));
});

t.test('contexts of what no listener has any more are dropped, and few are kept in all', async (t) => {
	const contexts = new ServerContexts();
	const certificates = Array.from({ length: 600 }, (_, i) => certificateOf(ecdsa, { names: [`${i}.example`] }));
	const terms = terminateTls(certificates);
	for (let i = 0; i < 600; i++) contexts.for(terms, `${i}.example`, NO_HELLO);
	t.equal(contexts.size, 512);
	const server = contexts.for(terms, '599.example', NO_HELLO);
	t.equal(contexts.for(terms, '599.example', NO_HELLO), server, 'built once');
	contexts.keep(new Set([terms.identity]));
	t.equal(contexts.size, 512);
	contexts.keep(new Set(['another']));
	t.equal(contexts.size, 0);
});

t.test('a certificate that is none is refused with a word, not a crash', async (t) => {
	const bad = terminateTls([certificateOf(ecdsa, { certificate: 'no PEM' })]);
	t.throws(() => new ServerContexts().for(bad, null, NO_HELLO));
});
