import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import type { Endpoint } from '../../src/core/address.ts';
import {
	MAX_PROXY_HEADER_BYTES,
	type ProxyFacts,
	type ProxyHeaderResult,
	readProxyHeader,
	writeProxyHeader,
} from '../../src/wire/proxy-protocol.ts';
import { join, utf8 } from '../support/hello-bytes.ts';
import { parsed, tlv, V4_BLOCK, V6_BLOCK, v2 } from '../support/proxy-bytes.ts';
import { mutationsOf, prefixes, segments } from '../support/wire-arbitraries.ts';
import { recordings } from '../support/wire-corpus.ts';

const RUNS = 10_000;
const MAX_LINE = 107;

const word = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 1, 0xffff, 0xffffffff, 0x20010db8));
const v4 = word.map((d) => ({ a: 0, b: 0, c: 0xffff, d }));
const v6 = fc.record({ a: word, b: word, c: word, d: word }, { noNullPrototype: true });
const port = fc.integer({ min: 0, max: 65_535 });
const endpoint: fc.Arbitrary<Endpoint> = fc.record({ address: fc.oneof(v4, v6), port }, { noNullPrototype: true });
const text = fc.string({ unit: 'grapheme', maxLength: 80 });
const facts: fc.Arbitrary<ProxyFacts> = fc.record({
	addresses: fc.option(fc.record({ source: endpoint, destination: endpoint }, { noNullPrototype: true })),
	authority: fc.option(text),
	alpn: fc.option(text),
	ssl: fc.option(
		fc.record({
			version: text,
			cipher: text,
			resumed: fc.boolean(),
			certificate: fc.option(fc.record({ verified: fc.boolean(), commonName: fc.option(text) })),
		}),
	),
	uniqueId: fc.option(fc.uint8Array({ maxLength: 128 })),
	crc32c: fc.boolean(),
});
const header = fc
	.tuple(fc.constantFrom('v1' as const, 'v2' as const), facts)
	.map(([version, said]) => ({ version, said, bytes: writeProxyHeader(version, said) }));

/** What comes of `wire` in segments of these sizes: the first answer that is not `need-more`, which must stand. */
function readSegments(wire: Uint8Array, sizes: readonly number[]): ProxyHeaderResult {
	let result: ProxyHeaderResult = { type: 'need-more' };
	for (const prefix of prefixes(wire, sizes)) {
		const next = readProxyHeader(prefix);
		if (result.type !== 'need-more' && !isDeepStrictEqual(next, result)) throw new Error('an answer was taken back');
		result = next;
		if (result.type === 'need-more' && prefix.length >= MAX_PROXY_HEADER_BYTES)
			throw new Error('too much is asked for');
		if (result.type === 'need-more' && prefix[0] === 0x50 && prefix.length >= MAX_LINE)
			throw new Error('too long a line');
	}
	return result;
}

t.test('what is written is read, in any segments, and only when it is whole', (t) => {
	fc.assert(
		fc.property(header, fc.uint8Array({ maxLength: 20 }), segments, ({ version, said, bytes }, payload, sizes) => {
			const expected = parsed(version === 'v1' ? 1 : 2, said.addresses, bytes.length);
			const early = readProxyHeader(bytes.subarray(0, bytes.length - 1));
			return isDeepStrictEqual(readSegments(join(bytes, payload), sizes), expected) && early.type === 'need-more';
		}),
		{ numRuns: 2_000 },
	);
	t.end();
});

const original = fc.oneof(
	header.map(({ bytes }) => bytes),
	fc.constantFrom(...recordings('proxy-').map(({ bytes }) => bytes)),
);

/** What may come of anything at all. */
function sound(result: ProxyHeaderResult, wire: Uint8Array): boolean {
	if (result.type !== 'parsed') return true;
	const { version, bytes } = result.header;
	return bytes <= wire.length && bytes <= (version === 1 ? MAX_LINE : MAX_PROXY_HEADER_BYTES);
}

t.test(`${RUNS} mutated headers end the same in any segments, and none is waited for beyond its limit`, (t) => {
	const met = { 'need-more': 0, invalid: 0, parsed: 0 };
	fc.assert(
		fc.property(original.chain(mutationsOf), segments, (wire, sizes) => {
			const once = readProxyHeader(wire);
			met[once.type]++;
			return sound(once, wire) && isDeepStrictEqual(readSegments(wire, sizes), once);
		}),
		{ numRuns: RUNS },
	);
	for (const [type, count] of Object.entries(met)) t.ok(count > RUNS / 100, `${count} times ${type}`);
	t.end();
});

t.test(`${RUNS} times random bytes, some of which begin as a header does, end the same in any segments`, (t) => {
	const start = fc.constantFrom('', 'P', 'PROXY ', 'PROXY TCP4 ', 'PROXY TCP6 ', 'PROXY UNKNOWN ').map(utf8);
	const binary = v2(0x21, 0x11, V4_BLOCK);
	const begin = fc.oneof(
		start,
		fc.integer({ min: 0, max: binary.length }).map((length) => binary.subarray(0, length)),
	);
	const wires = fc.tuple(begin, fc.uint8Array({ maxLength: 200 })).map((parts) => join(...parts));
	fc.assert(
		fc.property(wires, segments, (wire, sizes) => {
			const once = readProxyHeader(wire);
			return sound(once, wire) && isDeepStrictEqual(readSegments(wire, sizes), once);
		}),
		{ numRuns: RUNS },
	);
	t.end();
});

/** In which order to try bytes: those first that bring a header to its end. */
const ENDING = utf8('\n\r .:0146PROXYTCUNKW');
const ORDER = [0, ...ENDING, ...Array.from({ length: 256 }, (_, byte) => byte)];

/** Puts one byte after another behind `start` that is not wrong there: whether that leads to a header. */
function canBeEnded(start: Uint8Array): boolean {
	const whole = new Uint8Array(MAX_PROXY_HEADER_BYTES + 1);
	whole.set(start);
	for (let length = start.length; length < whole.length; length++) {
		const prefix = whole.subarray(0, length);
		const result = readProxyHeader(prefix);
		if (result.type !== 'need-more') return result.type === 'parsed';
		const next = whole.subarray(0, length + 1);
		const fits = ORDER.some((byte) => {
			next[length] = byte;
			return readProxyHeader(next).type !== 'invalid';
		});
		if (!fits) return false;
	}
	return false;
}

t.test('whatever is waited for can become a header: no byte leads into a dead end', (t) => {
	const lines = [
		'PROXY TCP4 192.0.2.1 198.51.100.25 0 65535\r\n',
		'PROXY TCP6 ::ffff:192.0.2.1 1:2:3:4:5:6:7:8 10 2\r\n',
		'PROXY TCP6 1:2:3:4:5:6:7:: ::fFfF:ffff 10 2\r\n',
		`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`,
	].map(utf8);
	const shortened = v2(
		0x21,
		0x21,
		V6_BLOCK,
		tlv(2, utf8('a.example')),
		tlv(4, new Uint8Array(3)),
		tlv(4, new Uint8Array(0)),
	);
	for (const line of [...lines, shortened]) {
		for (let at = 0; at < line.length; at++) {
			for (let byte = 0; byte < 256; byte++) {
				// Of a checksum nobody can tell before it is there; a length of hundreds takes long to fill.
				if (line === shortened && (byte === 3 || (at === 14 && byte > 0))) continue;
				const start = Uint8Array.from([...line.subarray(0, at), byte]);
				if (readProxyHeader(start).type === 'need-more' && !canBeEnded(start)) {
					t.fail(`${JSON.stringify(Buffer.from(start).toString('latin1'))} is waited for in vain`);
				}
			}
		}
	}
	t.end();
});
