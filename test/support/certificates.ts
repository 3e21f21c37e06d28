import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Teardown } from './echo.ts';

/** A certificate with its key, as PEM and as files. */
export interface Issued {
	readonly cert: string;
	readonly key: string;
	readonly certFile: string;
	readonly keyFile: string;
	/** SHA-256, 64 hex digits in lower case. */
	readonly fingerprint: string;
}

export type KeyKind = 'rsa' | 'ecdsa';

export interface IssueOptions {
	/** Absent: `ecdsa`, which is quick to make. */
	readonly keyKind?: KeyKind;
	/** Absent: the first name. */
	readonly commonName?: string;
	/** Good for a client, not for a server. */
	readonly client?: boolean;
	readonly days?: number;
}

/** A certificate authority of a test, run by the `openssl` command in a folder that goes with the test. */
export interface Authority extends Issued {
	readonly folder: string;
	/** A certificate for DNS names, IP addresses, e-mail addresses and URIs. */
	issue(names: readonly string[], options?: IssueOptions): Issued;
	/** Another one, which this one vouches for. */
	authority(commonName: string): Authority;
	/** An OCSP response that this certificate is good, DER. */
	ocsp(issued: Issued): { readonly der: Buffer; readonly file: string };
}

const NEW_KEY: Readonly<Record<KeyKind, readonly string[]>> = {
	rsa: ['-newkey', 'rsa:2048'],
	ecdsa: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
};

export function certificateAuthority(t: Teardown, commonName = 'Test CA', keyKind: KeyKind = 'ecdsa'): Authority {
	return authorityOf(t, commonName, keyKind);
}

function authorityOf(t: Teardown, commonName: string, keyKind: KeyKind, by?: Issued): Authority {
	const folder = ownFolder(t);
	const wanted = { folder, file: 'ca', keyKind, days: 3_650, commonName, extensions: CA_EXTENSIONS, names: [] };
	const own = request(by === undefined ? wanted : { ...wanted, by });
	let issued = 0;
	return {
		...own,
		folder,
		issue: (names, { keyKind = 'ecdsa', days = 365, commonName = names[0] ?? 'nobody', client = false } = {}) => {
			issued += 1;
			const file = `issued-${issued}`;
			return request({ folder, file, keyKind, days, commonName, extensions: leafExtensions(client), names, by: own });
		},
		authority: (commonName) => authorityOf(t, commonName, keyKind, own),
		ocsp: (of) => ocspResponse(folder, own, of),
	};
}

/** A certificate that nobody but itself vouches for. */
export function selfSigned(t: Teardown, names: readonly string[], keyKind: KeyKind = 'ecdsa'): Issued {
	const [folder, commonName] = [ownFolder(t), names[0] ?? 'nobody'];
	return request({ folder, file: 'own', keyKind, days: 365, commonName, extensions: leafExtensions(false), names });
}

function ownFolder(t: Teardown): string {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-certificates-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

const CA_EXTENSIONS = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'];

const leafExtensions = (client: boolean): string[] => [
	'basicConstraints=critical,CA:FALSE',
	'keyUsage=critical,digitalSignature',
	`extendedKeyUsage=${client ? 'clientAuth' : 'serverAuth'}`,
];

interface Wanted {
	readonly folder: string;
	/** Without its ending. */
	readonly file: string;
	readonly keyKind: KeyKind;
	readonly days: number;
	readonly commonName: string;
	readonly extensions: readonly string[];
	readonly names: readonly string[];
	/** Who signs; absent: itself. */
	readonly by?: Issued;
}

function request(wanted: Wanted): Issued {
	const { folder, file, days, by } = wanted;
	const [certFile, keyFile, config] = ['pem', 'key', 'cnf'].map((ending) => join(folder, `${file}.${ending}`)) as [
		string,
		string,
		string,
	];
	writeFileSync(config, configOf(wanted));
	openssl(folder, [
		...['req', '-x509', '-config', config, '-nodes', ...NEW_KEY[wanted.keyKind], '-days', `${days}`],
		...['-keyout', keyFile, '-out', certFile],
		...(by === undefined ? [] : ['-CA', by.certFile, '-CAkey', by.keyFile]),
	]);
	const cert = readFileSync(certFile, 'utf8');
	const fingerprint = new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase();
	return { cert, key: readFileSync(keyFile, 'utf8'), certFile, keyFile, fingerprint };
}

/** The names in a section of their own: on a line with others, one could not have a comma. */
const configOf = ({ commonName, extensions, names }: Wanted): string =>
	[
		'[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=ext',
		`[dn]\nCN=${commonName}`,
		`[ext]\n${extensions.join('\n')}`,
		...(names.length === 0 ? [] : ['subjectAltName=@names', '[names]', ...names.map(altName)]),
	].join('\n');

function altName(name: string, index: number): string {
	if (isIP(name) > 0) return `IP.${index}=${name}`;
	if (name.includes('://')) return `URI.${index}=${name}`;
	return name.includes('@') ? `email.${index}=${name}` : `DNS.${index}=${name}`;
}

function ocspResponse(folder: string, ca: Issued, of: Issued): { der: Buffer; file: string } {
	const [index, asked, file] = [join(folder, 'index.txt'), join(folder, 'ocsp.req'), `${of.certFile}.ocsp`];
	const { serialNumber } = new X509Certificate(of.cert);
	writeFileSync(index, `V\t491231235959Z\t\t${serialNumber}\tunknown\t/CN=any\n`);
	openssl(folder, ['ocsp', '-issuer', ca.certFile, '-cert', of.certFile, '-reqout', asked]);
	const signer = ['-index', index, '-CA', ca.certFile, '-rsigner', ca.certFile, '-rkey', ca.keyFile];
	openssl(folder, ['ocsp', ...signer, '-ndays', '30', '-reqin', asked, '-respout', file]);
	return { der: readFileSync(file), file };
}

function openssl(cwd: string, args: readonly string[]): void {
	execFileSync('openssl', args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
}
