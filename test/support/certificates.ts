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
	/** An OCSP response that this certificate is good, DER. */
	ocsp(issued: Issued): { readonly der: Buffer; readonly file: string };
}

const NEW_KEY: Readonly<Record<KeyKind, readonly string[]>> = {
	rsa: ['-newkey', 'rsa:2048'],
	ecdsa: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
};

export function certificateAuthority(t: Teardown, commonName = 'Test CA', keyKind: KeyKind = 'ecdsa'): Authority {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-certificates-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const own = request(folder, 'ca', keyKind, 3_650, ['-subj', `/CN=${commonName}`, ...extensions(CA_EXTENSIONS)]);
	let issued = 0;
	return {
		...own,
		folder,
		issue: (names, options = {}) => {
			issued += 1;
			return request(folder, `issued-${issued}`, options.keyKind ?? 'ecdsa', options.days ?? 365, [
				...['-CA', own.certFile, '-CAkey', own.keyFile],
				...['-subj', `/CN=${options.commonName ?? names[0] ?? 'nobody'}`],
				...extensions(leafExtensions(names, options.client ?? false)),
			]);
		},
		ocsp: (of) => ocspResponse(folder, own, of),
	};
}

/** A certificate that nobody but itself vouches for. */
export function selfSigned(t: Teardown, names: readonly string[], keyKind: KeyKind = 'ecdsa'): Issued {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-certificates-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const subject = ['-subj', `/CN=${names[0] ?? 'nobody'}`];
	return request(folder, 'own', keyKind, 365, [...subject, ...extensions(leafExtensions(names, false))]);
}

const CA_EXTENSIONS = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'];

const leafExtensions = (names: readonly string[], client: boolean): string[] => [
	'basicConstraints=critical,CA:FALSE',
	'keyUsage=critical,digitalSignature',
	`extendedKeyUsage=${client ? 'clientAuth' : 'serverAuth'}`,
	...(names.length === 0 ? [] : [`subjectAltName=${names.map(altName).join(',')}`]),
];

function altName(name: string): string {
	if (isIP(name) > 0) return `IP:${name}`;
	if (name.includes('://')) return `URI:${name}`;
	return name.includes('@') ? `email:${name}` : `DNS:${name}`;
}

const extensions = (all: readonly string[]): string[] => all.flatMap((extension) => ['-addext', extension]);

function request(folder: string, name: string, keyKind: KeyKind, days: number, more: readonly string[]): Issued {
	const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
	const files = ['-keyout', keyFile, '-out', certFile, '-days', `${days}`];
	openssl(folder, ['req', '-x509', '-config', emptyConfig(folder), '-nodes', ...NEW_KEY[keyKind], ...files, ...more]);
	const cert = readFileSync(certFile, 'utf8');
	const fingerprint = new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase();
	return { cert, key: readFileSync(keyFile, 'utf8'), certFile, keyFile, fingerprint };
}

/** The system's own adds extensions of its own to what is self-signed. */
function emptyConfig(folder: string): string {
	const file = join(folder, 'openssl.cnf');
	writeFileSync(file, '[req]\ndistinguished_name = dn\nprompt = no\n[dn]\n');
	return file;
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
