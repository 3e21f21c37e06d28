import fc from 'fast-check';
import t from 'tap';
import type { IpAddress } from '../../src/core/address.ts';
import { OUTCOMES } from '../../src/core/outcome.ts';
import type { AccessRecord, LogEvent } from '../../src/core/record.ts';
import { ATOMICS, type AtomicOps } from '../../src/shared/atomics.ts';
import { createRing, HEAD, MAX_TEXT, RING_HEADER_BYTES, TAIL } from '../../src/shared/ring-layout.ts';
import { type RingEntry, RingReader } from '../../src/shared/ring-reader.ts';
import { RingWriter } from '../../src/shared/ring-writer.ts';

const RING = 1 << 16;

function record(over: Partial<AccessRecord> = {}): AccessRecord {
	return {
		timeMs: 1_700_000_000_000.25,
		listener: 'game',
		peer: { a: 0, b: 0, c: 0xffff, d: 0xfffffffe },
		peerPort: 65_535,
		client: { a: 0xffffffff, b: 2, c: 3, d: 4 },
		clientPort: 1,
		country: 'DE',
		region: 'eu',
		sni: null,
		alpn: null,
		route: '1',
		pool: 'eu',
		backend: 'eu-1',
		attempts: 1,
		queuedMs: null,
		connectMs: 0,
		durationMs: 12.5,
		uploadBytes: 2 ** 50,
		downloadBytes: 0,
		throttledMs: 0,
		tls: null,
		outcome: 'completed',
		detail: null,
		...over,
	};
}

const address: fc.Arbitrary<IpAddress> = fc.record({
	a: fc.nat(0xffffffff),
	b: fc.nat(0xffffffff),
	c: fc.nat(0xffffffff),
	d: fc.nat(0xffffffff),
});
const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 20 }));
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null });
const port = fc.nat(65_535);
const float = fc.double({ noNaN: true });
const access: fc.Arbitrary<RingEntry> = fc
	.record({
		timeMs: float,
		listener: text,
		peer: maybe(address),
		peerPort: port,
		client: maybe(address),
		clientPort: port,
		country: maybe(text),
		region: maybe(text),
		sni: maybe(text),
		alpn: maybe(text),
		route: maybe(text),
		pool: maybe(text),
		backend: maybe(text),
		attempts: port,
		queuedMs: maybe(float),
		connectMs: maybe(float),
		durationMs: float,
		uploadBytes: float,
		downloadBytes: float,
		throttledMs: float,
		tls: maybe(text),
		outcome: fc.constantFrom(...OUTCOMES),
		detail: maybe(text),
	})
	.map((one) => ({ access: one }));
const log: fc.Arbitrary<RingEntry> = fc
	.record({
		level: fc.constantFrom('debug' as const, 'info' as const, 'warn' as const, 'error' as const),
		msg: text,
		fields: fc.dictionary(text, fc.oneof(text, float, fc.boolean(), fc.constant(null)), { noNullPrototype: true }),
	})
	.map((one) => ({ log: one }));

const write = (writer: RingWriter, entry: RingEntry): void =>
	'access' in entry ? writer.access(entry.access) : writer.log(entry.log);

t.test('whatever is written is read again, in order, around the end of the ring', async (t) => {
	const buffer = createRing(RING);
	const writer = new RingWriter(buffer);
	const reader = new RingReader(buffer);
	fc.assert(
		fc.property(fc.array(fc.oneof(access, log), { maxLength: 30 }), (entries) => {
			for (const entry of entries) write(writer, entry);
			const read = reader.drain(1000);
			t.ok(read.length === entries.length);
			for (const [i, entry] of entries.entries()) if (!same(read[i], entry)) return false;
			return true;
		}),
		{ numRuns: 300 },
	);
	t.equal(reader.dropped, 0);
});

function same(a: unknown, b: unknown): boolean {
	if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return Object.is(a, b);
	const keys = Reflect.ownKeys(a);
	if (keys.length !== Reflect.ownKeys(b).length) return false;
	return keys.every((key) => Object.hasOwn(b, key) && same(Reflect.get(a, key), Reflect.get(b, key)));
}

t.test('positions go on past 32 bits', async (t) => {
	const buffer = createRing(RING);
	const header = new Int32Array(buffer, 0, RING_HEADER_BYTES / 4);
	const start = -RING / 2;
	header[HEAD] = start;
	header[TAIL] = start;
	const writer = new RingWriter(buffer);
	const reader = new RingReader(buffer);
	for (let i = 0; i < 2000; i++) {
		writer.access(record({ attempts: i }));
		const [entry] = reader.drain(10);
		if (entry === undefined || !('access' in entry) || entry.access.attempts !== i) t.fail(`record ${i} is lost`);
	}
	t.ok((header[HEAD] ?? 0) > 0);
	t.equal(reader.dropped, 0);
});

t.test('a full ring drops and counts, and what was in it stays whole', async (t) => {
	const buffer = createRing(RING);
	const writer = new RingWriter(buffer);
	const reader = new RingReader(buffer);
	for (let i = 0; i < 3000; i++) writer.access(record({ attempts: i }));
	const read = reader.drain(10_000);
	t.ok(read.length > 300, `${read.length} in 64 KiB`);
	t.equal(read.length + reader.dropped, 3000);
	read.forEach((entry, i) => {
		if (!('access' in entry) || entry.access.attempts !== i) t.fail(`record ${i} is another`);
	});
	writer.access(record({ region: 'new' }));
	t.same(reader.next(), { access: record({ region: 'new' }) });
});

t.test('more names than the dictionary holds start it afresh', async (t) => {
	const buffer = createRing(RING);
	const writer = new RingWriter(buffer);
	const reader = new RingReader(buffer);
	for (let i = 0; i < 10_000; i++) {
		const written = record({ alpn: `protocol ${i}`, backend: `backend ${i % 10}` });
		writer.access(written);
		if (!same(reader.next(), { access: written })) t.fail(`record ${i} is another`);
	}
	t.equal(reader.dropped, 0);
});

t.test('long texts are cut, and what can never fit is dropped', async (t) => {
	const buffer = createRing(RING);
	const writer = new RingWriter(buffer);
	const reader = new RingReader(buffer);
	writer.access(record({ detail: 'x'.repeat(MAX_TEXT + 5) }));
	t.same(reader.next(), { access: record({ detail: 'x'.repeat(MAX_TEXT) }) });
	const fields = Object.fromEntries(['a', 'b', 'c', 'd'].map((key) => [key, 'y'.repeat(MAX_TEXT)]));
	writer.log({ level: 'error', msg: 'too much', fields });
	t.equal(reader.next(), null);
	t.equal(reader.dropped, 1);
});

t.test('a writer that dies before the record is whole leaves nothing of it, and its successor goes on', async (t) => {
	const buffer = createRing(RING);
	const reader = new RingReader(buffer);
	const dying: AtomicOps = {
		...ATOMICS,
		store: (words, index, value) => {
			if (dies) throw new Error('dead');
			ATOMICS.store(words, index, value);
		},
	};
	let dies = false;
	for (let life = 0; life < 500; life++) {
		const writer = new RingWriter(buffer, dying);
		const whole: AccessRecord[] = [0, 1, 2].map((i) => record({ attempts: i, pool: `pool ${life % 7}-${i % 2}` }));
		dies = false;
		for (const one of whole) writer.access(one);
		dies = true;
		t.throws(() => writer.access(record({ pool: 'never seen', detail: 'half' })), /dead/);
		const next = new RingWriter(buffer);
		const event: LogEvent = { level: 'warn', msg: 'worker replaced', fields: { life } };
		next.log(event);
		next.access(record({ region: 'after' }));
		const expected = [
			...whole.map((one) => ({ access: one })),
			{ log: event },
			{ access: record({ region: 'after' }) },
		];
		if (!same(reader.drain(100), expected)) t.fail(`life ${life}`);
	}
	t.equal(reader.dropped, 0);
});

t.test('the size of a ring is a power of two that a record fits in', async (t) => {
	for (const bytes of [0, 1024, 100_000, 2 ** 31]) t.throws(() => createRing(bytes), /power of two/);
});
