import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import { domainToASCII } from 'node:url';
import { hostFault } from './address.ts';
import { textForm } from './fields.ts';
import { type Parsed, parsed, wrong } from './units.ts';
import { quote } from './wording.ts';

/** A protocol's name has a length of one byte, RFC 7301 section 3.1. */
const MAX_PROTOCOL_BYTES = 255;
const MAX_PATH_BYTES = 4_095;
/** Of a name in a client's certificate, which may be a URI. */
const MAX_CLIENT_NAME_LENGTH = 255;

/** As written; relative ones are made absolute when the file is loaded. */
export const path = () =>
	textForm<string>({
		unit: 'path',
		expected: 'the path of a file',
		parse: (text) => {
			if (text === '' || text.includes('\0')) return wrong(`${quote(text)} is not the path of a file`);
			return Buffer.byteLength(text) > MAX_PATH_BYTES ? wrong(`${quote(text)} is too long for a path`) : parsed(text);
		},
	});

/** A host name in lower case without its trailing dot. */
export function parseServerName(text: string): Parsed<string> {
	const name = text.toLowerCase().replace(/\.$/, '');
	if (isIP(name) !== 0) return wrong(`${quote(text)} is an IP address: clients send none as a server name (RFC 6066)`);
	const fault = hostFault(name);
	if (fault === null) return parsed(name);
	const ascii = domainToASCII(name);
	const hint = /[^\0-\x7f]/.test(name) && ascii !== '' ? `: write ${ascii}` : '';
	return wrong(name === '' ? 'has no name' : `${quote(text)} is not a host name${hint}`);
}

function parseServerNamePattern(text: string): Parsed<string> {
	if (!text.includes('*')) return parseServerName(text);
	const parent = text.startsWith('*.') ? parseServerName(text.slice(2)) : null;
	if (parent?.ok) return parsed(`*.${parent.value}`);
	return wrong(`${quote(text)}: a wildcard stands for one whole label at the front, such as *.example.com`);
}

/** A host name, or `*.` and one, in lower case. */
export const serverNamePattern = () =>
	textForm<string>({
		unit: 'host name, or `*.` and one',
		expected: 'a host name such as eu.example.com',
		parse: parseServerNamePattern,
	});

export const serverName = () =>
	textForm<string>({
		unit: '`sni` or a host name',
		expected: 'sni or a host name',
		parse: parseServerName,
	});

/** A name as it stands in clients' certificates: of a host, a mailbox, a URI or whatever their authority writes. */
export const clientName = () =>
	textForm<string>({
		unit: 'name, or `*.` and one',
		expected: 'a name such as "*.devices.example"',
		parse: (text) => {
			if (!/^[\x21-\x7e]+$/.test(text) || text.length > MAX_CLIENT_NAME_LENGTH) {
				return wrong(`${quote(text)} is not a name in a certificate: up to 255 letters and signs of ASCII, no spaces`);
			}
			if (text.lastIndexOf('*') > 0 || (text.startsWith('*') && !/^\*\../.test(text))) {
				return wrong(`${quote(text)}: a wildcard stands for one whole label at the front, such as *.devices.example`);
			}
			return parsed(text.toLowerCase());
		},
	});

/** SHA-256 of a certificate as 64 hex digits in lower case; written with or without colons. */
export const fingerprint = () =>
	textForm<string>({
		unit: 'SHA-256',
		expected: 'the SHA-256 fingerprint of a certificate',
		parse: (text) => {
			const digits = text.replaceAll(':', '').toLowerCase();
			if (/^[0-9a-f]{64}$/.test(digits)) return parsed(digits);
			return wrong(`${quote(text)} is not a SHA-256 fingerprint: 64 hex digits, with or without colons`);
		},
	});

/** A protocol's name of ALPN. */
export const protocol = () =>
	textForm<string>({
		unit: 'protocol',
		expected: 'a protocol such as mqtt',
		parse: (text) =>
			/^[\x21-\x7e]+$/.test(text) && text.length <= MAX_PROTOCOL_BYTES
				? parsed(text)
				: wrong(`${quote(text)} is not the name of a protocol: up to 255 letters and signs of ASCII, no spaces`),
	});

/** Cipher suites in OpenSSL's form; at least one of them is known to the OpenSSL within this runtime. */
export const ciphers = () =>
	textForm<string>({
		unit: 'list of OpenSSL',
		expected: 'cipher suites such as ECDHE+AESGCM',
		parse: (text) =>
			text !== '' && hasCiphers(text)
				? parsed(text)
				: wrong(`${quote(text)}: OpenSSL finds no cipher suite in it (see ciphers(1))`),
	});

function hasCiphers(ciphers: string): boolean {
	try {
		createSecureContext({ ciphers });
		return true;
	} catch {
		return false;
	}
}
