import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { SocketTarget } from '../../core/address.ts';
import { formatAddress, parseAddress as parseIpAddress } from '../../policy/address.ts';
import { type Parsed, parsed, wrong } from './units.ts';
import { quote } from './wording.ts';

const FORMS = 'write host:port, [v6]:port or unix:/path';
/** RFC 1123 section 2.1, and the underscore that container platforms use; at most 253 octets in all. */
const HOST_LABEL = /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/**
 * A backend's address. `host` is an IP address or a name still to be looked up; a unix path may be
 * relative (to the configuration file).
 */
export function parseAddress(text: string): Parsed<SocketTarget> {
	if (text.startsWith('unix:')) return parseUnix(text);
	const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
	if (bracketed !== null) return parseBracketed(text, bracketed[1] ?? '', bracketed[2]);
	const colon = text.lastIndexOf(':');
	if (text.indexOf(':') !== colon) {
		const hint = /^[0-9A-Fa-f:.%]+$/.test(text)
			? 'an IPv6 address goes in brackets, such as [2001:db8::1]:7000'
			: FORMS;
		return wrong(`${quote(text)}: ${hint}`);
	}
	if (/^\d+$/.test(text)) return wrong(`${text} has no host: ${FORMS}, such as 10.1.0.1:${text}`);
	if (colon < 0) return wrong(`${quote(text)} has no port: ${FORMS}`);
	const host = text.slice(0, colon);
	const fault = hostFault(host);
	if (fault !== null) return wrong(`${quote(text)}: ${fault}`);
	return withPort(text, host.toLowerCase(), text.slice(colon + 1));
}

/** An address to listen on: as a backend's, but without names, and port 0 means any free port. */
export function parseBind(text: string): Parsed<SocketTarget> {
	const result = parseAddress(text);
	if (!result.ok || result.value.type === 'unix' || isIP(result.value.host) !== 0) return result;
	return wrong(`${quote(text)}: a listener takes an IP address, such as 0.0.0.0:${result.value.port} for all of IPv4`);
}

/** An IP address without a port, in its shortest form; IPv4-mapped IPv6 becomes IPv4. */
export function parseIp(text: string): Parsed<string> {
	if (isIP(text) === 0) return wrong(`${quote(text)} is not an IP address`);
	return parsed(canonicalIp(text));
}

/** One text per address, so that two spellings of it are seen to be the same. A zone (RFC 4007) is kept. */
function canonicalIp(text: string): string {
	const address = text.includes('%') ? null : parseIpAddress(text);
	return address === null ? text : formatAddress(address);
}

function parseUnix(text: string): Parsed<SocketTarget> {
	const path = text.slice('unix:'.length);
	if (path === '' || path.includes('\0')) return wrong(`${quote(text)} has no path: write unix:/path`);
	return parsed({ type: 'unix', path });
}

function parseBracketed(text: string, host: string, port: string | undefined): Parsed<SocketTarget> {
	if (!isIPv6(host)) return wrong(`${quote(text)}: no IPv6 address in the brackets`);
	if (port === undefined) return wrong(`${quote(text)} has no port: ${FORMS}`);
	return withPort(text, canonicalIp(host), port);
}

function withPort(text: string, host: string, port: string): Parsed<SocketTarget> {
	if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
		return wrong(`${quote(text)}: the port must be a number up to 65535`);
	}
	return parsed({ type: 'tcp', host, port: Number(port) });
}

export function hostFault(host: string): string | null {
	if (isIPv4(host)) return null;
	if (host === '') return `no host: ${FORMS}`;
	if (/^[\d.]+$/.test(host)) return `${quote(host)} is not an IPv4 address`;
	const labels = host.replace(/\.$/, '').split('.');
	if (host.length > 253 || !labels.every((label) => HOST_LABEL.test(label))) return `${quote(host)} is not a host name`;
	return null;
}
