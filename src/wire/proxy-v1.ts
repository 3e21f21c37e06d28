import { type IpAddress, isV4 } from '../core/address.ts';
import { invalid, NEED_MORE, type ProxyAddresses, type ProxyHeaderResult } from './proxy-header.ts';
import { Line } from './proxy-line.ts';
import { Writer } from './writer.ts';

/** Section 2.1 of the specification: with CRLF. */
const MAX_LINE_BYTES = 107;
const MAX_PORT = 65_535;
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const U = 0x55;
const FOUR = 0x34;

/** `P` of `PROXY`. */
export const FIRST_OF_V1 = 0x50;

/** A line of version 1. */
export function readV1(bytes: Uint8Array): ProxyHeaderResult {
	const line = new Line(bytes);
	line.literal('PROXY ', 'no PROXY line');
	if (line.peek() === U) return readUnknown(bytes, line);
	const addresses = readAddresses(line);
	return answer(line, addresses);
}

function readAddresses(line: Line): ProxyAddresses {
	line.literal('TCP', 'protocol');
	const v4 = line.peek() === FOUR;
	line.literal(v4 ? '4 ' : '6 ', 'protocol');
	const source = v4 ? line.v4('source address') : line.v6('source address');
	line.literal(' ', 'source address');
	const destination = v4 ? line.v4('destination address') : line.v6('destination address');
	line.literal(' ', 'destination address');
	const sourcePort = line.decimal(MAX_PORT, 'source port');
	line.literal(' ', 'source port');
	const destinationPort = line.decimal(MAX_PORT, 'destination port');
	line.literal('\r\n', 'destination port');
	return {
		source: { address: source, port: sourcePort },
		destination: { address: destination, port: destinationPort },
	};
}

/** Whatever a sender says after `UNKNOWN`, up to the CRLF, is to be ignored. */
function readUnknown(bytes: Uint8Array, line: Line): ProxyHeaderResult {
	line.literal('UNKNOWN', 'protocol');
	if (line.peek() !== SPACE) line.literal('\r\n', 'protocol');
	else skipToEnd(bytes, line);
	return answer(line, null);
}

function skipToEnd(bytes: Uint8Array, line: Line): void {
	for (;;) {
		const byte = line.peek();
		if (byte < 0) return;
		const isEnd = byte === LF && bytes[line.at - 1] === CR;
		// The last two bytes there is room for are a CRLF, or nothing is.
		const room = MAX_LINE_BYTES - line.at;
		if (!isEnd && (room === 1 || (room === 2 && byte !== CR)))
			return line.fail(`no CRLF within ${MAX_LINE_BYTES} bytes`);
		line.at++;
		if (isEnd) return;
	}
}

function answer(line: Line, addresses: ProxyAddresses | null): ProxyHeaderResult {
	if (line.state === 'more') return NEED_MORE;
	if (line.state === 'wrong') return invalid(`version 1: ${line.reason}`);
	return { type: 'parsed', header: { version: 1, addresses, bytes: line.at } };
}

/** TCP6 when the two are not of one family, with the IPv4 one mapped; UNKNOWN when one of them is none. */
export function writeV1(addresses: ProxyAddresses | null): Uint8Array {
	const out = new Writer(new Uint8Array(MAX_LINE_BYTES));
	out.text(`PROXY ${addresses === null ? 'UNKNOWN' : describe(addresses)}\r\n`);
	return out.copy();
}

function describe({ source, destination }: ProxyAddresses): string {
	if (source.address === null || destination.address === null) return 'UNKNOWN';
	const v4 = isV4(source.address) && isV4(destination.address);
	const write = v4 ? dotted : grouped;
	return `TCP${v4 ? 4 : 6} ${write(source.address)} ${write(destination.address)} ${source.port} ${destination.port}`;
}

const dotted = ({ d }: IpAddress): string => `${d >>> 24}.${(d >>> 16) & 255}.${(d >>> 8) & 255}.${d & 255}`;

/** All eight groups, the one form that every receiver reads alike. */
const grouped = ({ a, b, c, d }: IpAddress): string =>
	[a, b, c, d].map((word) => `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`).join(':');
