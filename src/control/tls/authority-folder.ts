import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import { fileFault } from '../file-faults.ts';
import { issueCertificate, makeAuthority, type Pem } from './authority.ts';

const DAY_MS = 86_400_000;
/** Clocks of others may be behind. */
const HEAD_START_MS = 3_600_000;
const AUTHORITY_DAYS = 3_650;

export interface CertificateOrder {
	/** Made when it is not there. */
	readonly folder: string;
	readonly names: readonly string[];
	/** For a client, else for a server. */
	readonly client: boolean;
	readonly days: number;
	readonly nowMs: number;
}

/** Paths of a certificate and its key. */
export interface PemFiles {
	readonly certificate: string;
	readonly key: string;
}

export interface Delivered extends PemFiles {
	readonly authority: PemFiles;
	/** The authority was not there before. */
	readonly isNewAuthority: boolean;
	readonly notAfter: Date;
}

/**
 * A certificate from the development authority of a folder, which is made when there is none. A certificate that the
 * same authority made for the same first name is replaced.
 * @throws SluiceError when files are in the way, or cannot be read or written; then nothing has been overwritten.
 */
export async function deliverCertificate(order: CertificateOrder): Promise<Delivered> {
	const { folder, names, client, nowMs } = order;
	const authorityFiles = filesIn(folder, 'ca');
	const found = readAuthority(authorityFiles, nowMs);
	const files = filesIn(folder, `${fileName(names[0] ?? '')}${client ? '-client' : ''}`);
	refuseStrangers(files, found);
	const notBefore = new Date(nowMs - HEAD_START_MS);
	const authority = found ?? (await makeAuthority(notBefore, new Date(nowMs + AUTHORITY_DAYS * DAY_MS)));
	const end = new X509Certificate(authority.certificate).validToDate.getTime();
	const notAfter = new Date(Math.min(nowMs + order.days * DAY_MS, end));
	const issued = await issueCertificate(authority, { names, client, notBefore, notAfter });
	if (found === null) write(folder, authorityFiles, authority);
	write(folder, files, issued);
	return { ...files, authority: authorityFiles, isNewAuthority: found === null, notAfter };
}

const filesIn = (folder: string, name: string): PemFiles => ({
	certificate: join(folder, `${name}.pem`),
	key: join(folder, `${name}.key`),
});

/** `*` and `:` mean something to shells and file systems, `ca` is the authority's. */
const fileName = (name: string): string =>
	name === 'ca' ? '_ca' : name.replace('*', '_wildcard').replaceAll(':', '-');

/** Null when there is none yet. */
function readAuthority(files: PemFiles, nowMs: number): Pem | null {
	const there = [files.certificate, files.key].filter((file) => existsSync(file));
	if (there.length === 0) return null;
	if (there.length === 1) {
		const missing = there[0] === files.key ? files.certificate : files.key;
		throw unusable(`${missing} is not there, but ${there[0]} is: bring it back, or remove that one, too`);
	}
	const pem = { certificate: read(files.certificate), key: read(files.key) };
	const fault = authorityFault(pem, nowMs);
	if (fault === null) return pem;
	throw unusable(`${files.certificate}: ${fault}: take another folder, or remove it and ${files.key}`);
}

function authorityFault({ certificate, key }: Pem, nowMs: number): string | null {
	try {
		const parsed = new X509Certificate(certificate);
		const parsedKey = createPrivateKey(key);
		if (!parsed.ca || !parsed.checkPrivateKey(parsedKey)) return 'it is no authority whose key is beside it';
		if (parsed.validToDate.getTime() <= nowMs) return 'the authority has expired';
		if (parsedKey.asymmetricKeyDetails?.namedCurve === 'prime256v1') return null;
		return 'it was not made by sluice cert, which takes ECDSA keys on P-256';
	} catch {
		return 'it or its key cannot be read';
	}
}

/** What somebody else made is never overwritten, a key least of all. */
function refuseStrangers({ certificate, key }: PemFiles, authority: Pem | null): void {
	if (isOurs(certificate, authority)) return;
	for (const file of [certificate, key]) {
		if (existsSync(file)) throw unusable(`${file} is there already, and not from this authority: take another folder`);
	}
}

function isOurs(file: string, authority: Pem | null): boolean {
	if (authority === null || !existsSync(file)) return false;
	try {
		const issuer = new X509Certificate(authority.certificate);
		const issued = new X509Certificate(read(file));
		return issued.checkIssued(issuer) && issued.verify(issuer.publicKey);
	} catch {
		return false;
	}
}

function read(file: string): string {
	try {
		return readFileSync(file, 'latin1');
	} catch (error) {
		throw unusable(`cannot read ${file}: ${fileFault(error)}`);
	}
}

/** The key first, each file whole or not at all: a running balancer may be looking at them. */
function write(folder: string, files: PemFiles, { certificate, key }: Pem): void {
	try {
		mkdirSync(folder, { recursive: true });
		replace(files.key, key, 0o600);
		replace(files.certificate, certificate, 0o644);
	} catch (error) {
		throw unusable(`cannot write ${files.certificate}: ${fileFault(error)}`);
	}
}

function replace(file: string, text: string, mode: number): void {
	const draft = `${file}.new`;
	rmSync(draft, { force: true });
	writeFileSync(draft, text, { mode, flag: 'wx' });
	renameSync(draft, file);
}

const unusable = (message: string): SluiceError => new SluiceError('cert-refused', message);
