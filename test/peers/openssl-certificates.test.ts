import t, { type Test } from 'tap';
import { type Heard, startApp } from '../support/app.ts';
import { certificateAuthority, type Issued } from '../support/certificates.ts';
import { startEcho } from '../support/echo.ts';
import { OpensslClient, WORD } from '../support/openssl-client.ts';

const VERSIONS = [
	['-tls1_2', 'TLSv1.2'],
	['-tls1_3', 'TLSv1.3'],
] as const;

const ca = certificateAuthority(t);
const [ecdsa, rsa] = [ca.issue(['a.example']), ca.issue(['a.example'], { keyKind: 'rsa' })];
const other = ca.issue(['*.other.example']);
const pair = ({ certFile, keyFile }: Issued) => ({ cert: certFile, key: keyFile });

/** Two workers before an echo. */
async function start(t: Test, tls: object): Promise<{ heard: Heard; address: string }> {
	const echo = await startEcho(t);
	const certificates = [
		{ ...pair(ecdsa), default: true },
		{ ...pair(rsa), default: true },
		{ ...pair(other), ocsp: ca.ocsp(other).file },
	];
	const { heard, port } = await startApp(t, {
		engine: 'node',
		workers: 2,
		listeners: [
			{ name: 'in', bind: '127.0.0.1:0', tls: { mode: 'terminate', certificates, ...tls }, routes: [{ to: ['out'] }] },
		],
		pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: echo.address }] }],
	});
	return { heard, address: `127.0.0.1:${port()}` };
}

/** A client that takes no certificate but one of the authority for this name; null asks for none. */
function clientOf(t: Test, address: string, name: string | null, ...args: string[]): OpensslClient {
	const asks = name === null ? ['-noservername'] : ['-servername', name, '-verify_hostname', name];
	return new OpensslClient(t, address, ['-CAfile', ca.certFile, '-verify_return_error', ...asks, ...args]);
}

t.test('certificates by name and by the kind of key that the client takes; protocols; stapling', async (t) => {
	const { heard, address } = await start(t, { alpn: ['mqtt', 'imap'] });
	const signs = (algorithm: string): string[] => ['-sigalgs', algorithm];
	const cases: [what: string, name: string | null, args: string[], reports: RegExp[]][] = [
		['a name', 'a.example', [], [/^subject=CN = a\.example$/m, /^No ALPN negotiated$/m]],
		['ECDSA alone', 'a.example', signs('ecdsa_secp256r1_sha256'), [/^Peer signature type: ECDSA$/m]],
		['RSA alone', 'a.example', signs('rsa_pss_rsae_sha256'), [/^Peer signature type: RSA-PSS$/m]],
		['a wildcard', 'b.other.example', [], [/^subject=CN = \*\.other\.example$/m]],
		['no name', null, [], [/^subject=CN = a\.example$/m]],
		['protocols', 'a.example', ['-alpn', 'smtp,imap,mqtt'], [/^ALPN protocol: mqtt$/m]],
		['stapling', 'b.other.example', ['-status'], [/OCSP Response Status: successful/, /Cert Status: good/]],
	];
	for (const [option, version] of VERSIONS) {
		for (const [what, name, args, reports] of cases) {
			const said = await clientOf(t, address, name, option, ...args).visit();
			for (const report of [new RegExp(`^New, ${version}, Cipher is`, 'm'), /^Verification: OK$/m, ...reports]) {
				t.ok(report.test(said), `${what} in ${version}: ${report}`);
			}
		}
		const refused = clientOf(t, address, 'a.example', option, '-alpn', 'smtp');
		await refused.heard(/alert no application protocol/);
		t.not(await refused.ended, 0);
	}
	const stranger = new OpensslClient(t, address, ['-servername', 'c.example', '-verify_quiet']);
	t.match(await stranger.visit(), /^subject=CN = a\.example$/m, 'an unknown name gets the default');

	const all = 2 * (cases.length + 1) + 1;
	const records = await heard.until(() => (heard.records.length === all ? heard.records : undefined));
	const refused = records.filter(({ outcome }) => outcome !== 'completed');
	t.match(refused, [{ outcome: 'tls-failed' }, { outcome: 'tls-failed' }]);
	const agreed = records.filter(({ alpn, outcome }) => alpn === 'mqtt' && outcome === 'completed');
	t.match(agreed, [
		{ sni: 'a.example', tls: /^TLSv1\.2 / },
		{ sni: 'a.example', tls: /^TLSv1\.3 / },
	]);
});

t.test('certificates of clients', async (t) => {
	const { heard, address } = await start(t, {
		clientAuth: { ca: ca.certFile, mode: 'require', names: ['*.devices.example'] },
	});
	const shows = ({ certFile, keyFile }: Issued): string[] => ['-cert', certFile, '-key', keyFile];
	const another = certificateAuthority(t, 'Another CA').issue(['one.devices.example'], { client: true });
	const device = shows(ca.issue(['one.devices.example'], { client: true }));
	const strangers: [args: string[], detail: string][] = [
		[[], 'peer did not return a certificate'],
		[shows(another), 'client certificate: UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
		[
			shows(ca.issue(['one.elsewhere.example'], { client: true })),
			'client certificate: its names are not among those that may come in',
		],
	];
	for (const [option, version] of VERSIONS) {
		t.match(await clientOf(t, address, 'a.example', option, ...device).visit(), `New, ${version}`);
		for (const [args, detail] of strangers) {
			const stranger = clientOf(t, address, 'a.example', option, ...args);
			stranger.send(`${WORD}\n`);
			await stranger.ended;
			t.notMatch(stranger.said, WORD, `${detail} in ${version}`);
		}
	}
	const records = await heard.until(() => (heard.records.length === 8 ? heard.records : undefined));
	const refused = records.filter(({ outcome }) => outcome === 'tls-failed').map(({ detail }) => detail);
	const details = strangers.map(([, detail]) => detail);
	t.strictSame(refused, [...details, ...details]);
});
