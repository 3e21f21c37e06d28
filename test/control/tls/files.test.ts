import { appendFileSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseConfigText } from '../../../src/control/config/load.ts';
import type { Config } from '../../../src/control/config/schema.ts';
import { readTlsFiles, readUse, sameContents, stampOfUse, useKey } from '../../../src/control/tls/files.ts';
import { certificateAuthority, type Issued } from '../../support/certificates.ts';

const authority = certificateAuthority(t);
const { folder } = authority;
const ecdsa = authority.issue(['a.example']);
const rsa = authority.issue(['a.example'], { keyKind: 'rsa' });
const second = authority.issue(['b.example']);
const ocsp = authority.ocsp(rsa).file;
const FILE = join(folder, 'sluice.yaml');

/** A configuration beside the certificates: line 4 is the pool's TLS, lines 9 and on the listener's. */
const configOf = ({ pool = '{ verify: true }', listener }: { pool?: string; listener: readonly string[] }): Config =>
	parseConfigText(
		[
			'pools:',
			'  - name: main',
			'    backends: [{ address: db.example:1 }]',
			`    tls: ${pool}`,
			'listeners:',
			'  - name: game',
			'    bind: 127.0.0.1:0',
			'    routes: [{ to: [main] }]',
			'    tls:',
			'      mode: terminate',
			...listener.map((line) => `      ${line}`),
		].join('\n'),
		{ file: FILE },
	);

const pair = ({ certFile: cert, keyFile: key }: Pick<Issued, 'certFile' | 'keyFile'>, more = ''): string =>
	`  - { cert: ${cert}, key: ${key}${more} }`;

const use = ({ certFile: cert, keyFile: key }: Issued) => ({ type: 'pair', files: { cert, key, ocsp: null } }) as const;

t.test('every file that a configuration names is read, each once', async (t) => {
	const config = configOf({
		pool: `{ ca: ${authority.certFile}, clientCertificate: { cert: ${ecdsa.certFile}, key: ${ecdsa.keyFile} } }`,
		listener: [
			'certificates:',
			pair(ecdsa, ', default: true'),
			pair(rsa, `, default: true, ocsp: ${ocsp}`),
			`clientAuth: { ca: ${authority.certFile} }`,
		],
	});
	const files = await readTlsFiles(config);
	t.same([...files.keys()].toSorted(), [
		JSON.stringify(['authorities', authority.certFile]),
		JSON.stringify(['pair', ecdsa.certFile, ecdsa.keyFile]),
		JSON.stringify(['pair', rsa.certFile, rsa.keyFile, ocsp]),
	]);
	t.match(files.get(useKey(use(ecdsa))), { type: 'pair', keyType: 'ec', pair: { names: ['a.example'] } });
	t.match(files.get(useKey({ type: 'authorities', file: authority.certFile })), { pem: /^-----BEGIN CERTIFICATE/ });
});

t.test('paths are relative to the file', async (t) => {
	mkdirSync(join(folder, 'certs'));
	copyFileSync(ecdsa.certFile, join(folder, 'certs', 'a.pem'));
	copyFileSync(ecdsa.keyFile, join(folder, 'certs', 'a.key'));
	copyFileSync(ocsp, join(folder, 'certs', 'a.ocsp'));
	const config = configOf({
		pool: '{ ca: ca.pem, clientCertificate: { cert: certs/a.pem, key: certs/a.key } }',
		listener: [
			'certificates: [{ cert: certs/a.pem, key: certs/a.key, ocsp: certs/a.ocsp }]',
			'clientAuth: { ca: ca.pem }',
		],
	});
	t.equal((await readTlsFiles(config)).size, 3);
});

t.test('all that is wrong with files is told at once, at the places of the keys', async (t) => {
	const half = join(folder, 'half.pem');
	writeFileSync(half, ecdsa.cert.slice(0, 200));
	const config = configOf({
		pool: `{ ca: ${half}, clientCertificate: { cert: missing.pem, key: ${ecdsa.keyFile} } }`,
		listener: [
			'certificates:',
			pair({ certFile: ecdsa.certFile, keyFile: rsa.keyFile }),
			pair({ certFile: ecdsa.certFile, keyFile: folder }),
			pair(ecdsa, ', ocsp: /dev/null'),
			pair(ecdsa, `, ocsp: ${ecdsa.certFile}`),
			'clientAuth: { ca: ca.pem/x }',
		],
	});
	const column = (file: string): number => `        - { cert: ${file}, key: `.length + 1;
	await t.rejects(readTlsFiles(config), {
		name: 'ConfigError',
		exitCode: 1,
		message: [
			`${FILE}:4:16: pools[0].tls.ca: cannot use ${half}: it holds no certificate in PEM form`,
			`${FILE}:4:${'    tls: { ca: , clientCertificate: { cert: '.length + half.length + 1}: pools[0].tls.clientCertificate.cert: cannot use ${join(folder, 'missing.pem')}: no such file`,
			`${FILE}:12:${column(ecdsa.certFile)}: listeners[0].tls.certificates[0].key: cannot use ${rsa.keyFile}: the key does not belong to the certificate`,
			`${FILE}:13:${column(ecdsa.certFile)}: listeners[0].tls.certificates[1].key: cannot use ${folder}: it is a directory`,
			`${FILE}:14:${column(ecdsa.certFile) + ecdsa.keyFile.length + 8}: listeners[0].tls.certificates[2].ocsp: cannot use /dev/null: it is not a regular file`,
			`${FILE}:15:${column(ecdsa.certFile) + ecdsa.keyFile.length + 8}: listeners[0].tls.certificates[3].ocsp: cannot use ${ecdsa.certFile}: it is not an OCSP response in DER form`,
			`${FILE}:16:25: listeners[0].tls.clientAuth.ca: cannot use ${join(folder, 'ca.pem/x')}: no such file`,
		].join('\n'),
	});
});

t.test('one default for each type of key', async (t) => {
	const config = configOf({
		listener: [
			'certificates:',
			pair(rsa, ', default: true'),
			pair(ecdsa, ', default: true'),
			pair(second, ', default: true'),
		],
	});
	await t.rejects(readTlsFiles(config), {
		message:
			/:14:\d+: listeners\[0\]\.tls\.certificates\[2\]\.default: there is another default with a key of type ec:/,
	});
});

t.test('a stamp tells states of the files apart, contents only what is served', async (t) => {
	const files = use(authority.issue(['c.example']));
	const before = await readUse(files);
	t.equal(await stampOfUse(files), before.stamp);
	appendFileSync(files.files.key, '\n');
	t.not(await stampOfUse(files), before.stamp);
	const after = await readUse(files);
	t.equal(await stampOfUse(files), after.stamp);
	t.ok(sameContents(before, after));
	copyFileSync(second.certFile, files.files.cert);
	copyFileSync(second.keyFile, files.files.key);
	t.notOk(sameContents(before, await readUse(files)));
});

t.test('a configuration that names no files needs none', async (t) => {
	const text = 'listeners: [{ name: a, bind: 127.0.0.1:0, tls: { mode: passthrough }, routes: [{ to: [b] }] }]';
	const config = parseConfigText(`${text}\npools: [{ name: b, backends: [{ address: 10.1.0.1:1 }] }]`, { file: FILE });
	t.equal((await readTlsFiles(config)).size, 0);
});
