import { join } from 'node:path';
import t from 'tap';
import { parseConfigObject } from '../../../src/control/config/load.ts';
import { readTlsFiles } from '../../../src/control/tls/files.ts';
import { namesAlone, PAPER_TLS, tlsSource } from '../../../src/control/tls/source.ts';
import { certificateAuthority } from '../../support/certificates.ts';

const authority = certificateAuthority(t);
const { certFile: cert, keyFile: key } = authority.issue(['a.example']);
const ca = authority.certFile;
const files = { cert, key, ocsp: null };

const configOf = (certificates: readonly { cert: string; key: string }[]) =>
	parseConfigObject({
		listeners: [
			{
				name: 'in',
				bind: '127.0.0.1:0',
				tls: { mode: 'terminate', certificates: [...certificates], clientAuth: { ca } },
				routes: [{ to: ['main'] }],
			},
		],
		pools: [{ name: 'main', tls: { ca }, backends: [{ address: 'db.example:1' }] }],
	});

t.test('snapshots are made of what was read', async (t) => {
	const read = await readTlsFiles(configOf([{ cert, key }]));
	const source = tlsSource(read, { key: (listener, settings) => Buffer.from(`${listener} ${settings}`) });
	t.match(source.pair(files), { names: ['a.example'], key: /BEGIN PRIVATE KEY/ });
	t.equal(source.authorities(ca).trim(), authority.cert.trim());
	t.equal(Buffer.from(source.ticketKey('in', 'x')).toString(), 'in x');
	t.throws(() => source.pair({ ...files, ocsp: '/x' }), /was not read/);
	t.throws(() => source.authorities('/x'), /was not read/);
});

t.test('for explain, certificates have names and nothing else', async (t) => {
	const told: string[] = [];
	const missing = join(authority.folder, 'missing.pem');
	const pairs = [
		{ cert, key: '/unreadable.key' },
		{ cert: missing, key },
		{ cert: missing, key: '/other.key' },
	];
	const source = await namesAlone(configOf(pairs), (line) => told.push(line));
	t.strictSame(source.pair({ cert, key: '', ocsp: null }), { ...PAPER_TLS.pair(files), names: ['a.example'] });
	t.strictSame(source.pair({ cert: missing, key, ocsp: null }).names, []);
	t.equal(source.authorities(ca), '');
	t.strictSame(told, [`cannot use ${missing}: no such file; its names are left out`]);
});
