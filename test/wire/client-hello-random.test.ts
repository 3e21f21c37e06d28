import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { ClientHelloReader, type ClientHelloResult, MAX_HELLO_WIRE_BYTES } from '../../src/wire/client-hello.ts';
import {
	type Extension,
	helloBody,
	message,
	nameEntry,
	nameList,
	protocols,
	records,
	utf8,
	versions,
} from '../support/hello-bytes.ts';
import { mutationsOf, prefixes, segments } from '../support/wire-arbitraries.ts';
import { recordings } from '../support/wire-corpus.ts';

const RUNS = 10_000;

const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
const hostName = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const protocol = fc.stringMatching(/^[!-[\]-~]{1,30}$/);
const version = fc.constantFrom(0x0301, 0x0302, 0x0303, 0x0304, 0x7f1c);
/** Extensions that nobody here reads; each type once. */
const others = fc.uniqueArray(
	fc.tuple(
		fc.nat(0xffff).filter((type) => ![0, 16, 43].includes(type)),
		fc.uint8Array({ maxLength: 60 }),
	),
	{ maxLength: 6, selector: ([type]) => type },
);

const hello = fc.record({
	name: fc.option(hostName),
	dotted: fc.boolean(),
	alpn: fc.array(protocol, { maxLength: 5 }),
	versions: fc.array(version, { maxLength: 5 }),
	legacy: fc.constantFrom(0x0300, 0x0301, 0x0302, 0x0303),
	sessionId: fc.uint8Array({ maxLength: 32 }),
	others,
	order: fc.nat(),
});
type Hello = typeof hello extends fc.Arbitrary<infer T> ? T : never;

function messageOf(it: Hello): Uint8Array {
	const extensions: Extension[] = [...it.others];
	const put = (extension: Extension): unknown => extensions.splice(it.order % (extensions.length + 1), 0, extension);
	if (it.name !== null) put(nameList(nameEntry(utf8(it.dotted ? `${it.name}.` : it.name))));
	if (it.alpn.length > 0) put(protocols(...it.alpn));
	if (it.versions.length > 0) put(versions(...it.versions));
	return message(helloBody({ version: it.legacy, sessionId: it.sessionId, extensions }));
}

const said = (it: Hello): ClientHelloResult => ({
	type: 'parsed',
	hello: {
		serverName: it.name?.toLowerCase() ?? null,
		alpn: it.alpn,
		versions: it.versions.length > 0 ? it.versions : [it.legacy],
	},
});

/** What comes of `wire` in segments of these sizes; throws when an answer changes or comes too early or too late. */
function readSegments(wire: Uint8Array, sizes: readonly number[]): ClientHelloResult {
	const reader = new ClientHelloReader();
	let result = reader.read(new Uint8Array(0));
	for (const prefix of prefixes(wire, sizes)) {
		const next = reader.read(prefix);
		if (result.type !== 'need-more' && next !== result) throw new Error('an answer was taken back');
		result = next;
		if (result.type === 'need-more' && prefix.length >= MAX_HELLO_WIRE_BYTES) throw new Error('too much is asked for');
	}
	return result;
}

const recordSizes = fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 10 });

t.test('any hello is read as it was meant, in any records and any segments, and only when it is whole', (t) => {
	fc.assert(
		fc.property(hello, recordSizes, segments, (it, inRecords, inSegments) => {
			const wire = records(messageOf(it), ...inRecords);
			const expected = said(it);
			const early = new ClientHelloReader().read(wire.subarray(0, wire.length - 1));
			return isDeepStrictEqual(readSegments(wire, inSegments), expected) && early.type === 'need-more';
		}),
		{ numRuns: 2_000 },
	);
	t.end();
});

const corpus = recordings('hello-').map(({ bytes }) => bytes);
/** Built ones in small records, so that the mutations meet record headers too. */
const original = fc.oneof(
	fc.constantFrom(...corpus),
	fc.tuple(hello, recordSizes).map(([it, sizes]) => records(messageOf(it), ...sizes)),
);
/** What may come of anything at all. */
function sound(result: ClientHelloResult): boolean {
	if (result.type === 'need-more') return true;
	if (result.type === 'invalid') return ['not-tls', 'client-hello-invalid'].includes(result.outcome);
	const { serverName, alpn } = result.hello;
	return /^[a-z0-9_.-]{1,253}$/.test(serverName ?? 'none') && alpn.every((name) => /^[ -~]+$/.test(name));
}

t.test(`${RUNS} mutated hellos end the same in any segments, and none is waited for beyond the limit`, (t) => {
	const met = { 'need-more': 0, invalid: 0, parsed: 0 };
	fc.assert(
		fc.property(original.chain(mutationsOf), segments, (wire, sizes) => {
			const once = new ClientHelloReader().read(wire);
			met[once.type]++;
			return sound(once) && isDeepStrictEqual(readSegments(wire, sizes), once);
		}),
		{ numRuns: RUNS },
	);
	for (const [type, count] of Object.entries(met)) t.ok(count > RUNS / 100, `${count} times ${type}`);
	t.end();
});

t.test(`${RUNS} times random bytes, some of which begin as a hello does, end the same in any segments`, (t) => {
	const start = fc.constantFrom([], [22], [22, 3], [22, 3, 1], [22, 3, 1, 0, 60], [22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3]);
	const wires = fc
		.tuple(start, fc.uint8Array({ maxLength: 200 }))
		.map(([begin, rest]) => Uint8Array.from([...begin, ...rest]));
	fc.assert(
		fc.property(wires, segments, (wire, sizes) => {
			const once = new ClientHelloReader().read(wire);
			return sound(once) && isDeepStrictEqual(readSegments(wire, sizes), once);
		}),
		{ numRuns: RUNS },
	);
	t.end();
});

t.test('a mutated message is the same in one record and in many', (t) => {
	const messages = hello.map(messageOf).chain((whole) => mutationsOf(whole.subarray(4)));
	fc.assert(
		fc.property(messages, recordSizes, (body, sizes) => {
			const whole = message(body);
			const one = new ClientHelloReader().read(records(whole));
			return isDeepStrictEqual(new ClientHelloReader().read(records(whole, ...sizes)), one) && one.type !== 'need-more';
		}),
		{ numRuns: RUNS },
	);
	t.end();
});
