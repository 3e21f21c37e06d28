import type { Socket } from 'node:net';
import { type Endpoint, type IpAddress, V4_MAPPED } from '../../core/address.ts';

/** Clients of a unix-domain socket have no address. */
export const UNIX_PEER: Endpoint = { address: null, port: 0 };

/**
 * The remote end of an accepted TCP socket, or null when the client has gone before it could be asked
 * (getpeername(2) fails with ENOTCONN then, and Node answers undefined).
 */
export function tcpPeer(socket: Socket): Endpoint | null {
	return endpointOf(socket.remoteAddress, socket.remotePort);
}

/** Its own end; null when it has gone. */
export const tcpLocal = (socket: Socket): Endpoint | null => endpointOf(socket.localAddress, socket.localPort);

const endpointOf = (address: string | undefined, port: number | undefined): Endpoint | null =>
	address === undefined || port === undefined ? null : { address: parseKernelAddress(address), port };

/** An address as inet_ntop(3) writes it: always valid, so this is shorter than a parser of what people write. */
export function parseKernelAddress(text: string): IpAddress {
	const dotted = text.includes('.') ? text.slice(text.lastIndexOf(':') + 1) : null;
	if (dotted !== null) return { a: 0, b: 0, c: V4_MAPPED, d: dottedValue(dotted) };
	const zone = text.indexOf('%');
	const words = v6Groups(zone < 0 ? text : text.slice(0, zone));
	const word = (i: number): number => (((words[i] ?? 0) << 16) | (words[i + 1] ?? 0)) >>> 0;
	return { a: word(0), b: word(2), c: word(4), d: word(6) };
}

function dottedValue(text: string): number {
	let value = 0;
	for (const octet of text.split('.')) value = value * 256 + Number(octet);
	return value;
}

/** The eight 16-bit groups (RFC 4291 section 2.2). */
function v6Groups(text: string): number[] {
	const [head = '', tail] = text.split('::');
	const first = hexGroups(head);
	if (tail === undefined) return first;
	const last = hexGroups(tail);
	return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}

const hexGroups = (text: string): number[] =>
	text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
