import t from 'tap';
import {
	ClientHelloReader,
	type ClientHelloResult,
	MAX_HELLO_BYTES,
	MAX_HELLO_WIRE_BYTES,
} from '../../src/wire/client-hello.ts';
import { decided as decidedBy } from '../support/decided.ts';
import {
	helloBody,
	helloBytes,
	hex,
	join,
	longHello,
	message,
	protocols,
	record,
	records,
	serverName,
	u16,
	utf8,
	versions,
} from '../support/hello-bytes.ts';

const read = (bytes: Uint8Array): ClientHelloResult => new ClientHelloReader().read(bytes);

const PARTS = { extensions: [serverName('a.example'), protocols('mqtt'), versions(0x0304, 0x0303)] };
const WHOLE = helloBytes(PARTS);
const MESSAGE = message(helloBody(PARTS));
const PARSED = { type: 'parsed', hello: { serverName: 'a.example', alpn: ['mqtt'], versions: [0x0304, 0x0303] } };
const NEED_MORE = { type: 'need-more' };

function decided(bytes: Uint8Array): [after: number, result: ClientHelloResult] {
	const reader = new ClientHelloReader();
	return decidedBy(bytes, (prefix) => reader.read(prefix));
}

t.test('a hello is read when its last byte is there, and not before', (t) => {
	t.strictSame(decided(WHOLE), [WHOLE.length, PARSED]);
	t.strictSame(read(new Uint8Array(0)), NEED_MORE);
	t.end();
});

t.test('a hello is the same in records of any sizes', (t) => {
	for (let size = 1; size <= MESSAGE.length; size++) {
		const wire = records(MESSAGE, size);
		t.strictSame(read(wire), PARSED, `${size} bytes in each`);
		t.strictSame(decided(wire), [wire.length, PARSED], `${size} bytes in each, byte by byte`);
	}
	for (const sizes of [
		[1, 1, 1, 1, 50],
		[3, 1, 50],
		[2, MESSAGE.length - 3, 1],
		[MESSAGE.length - 1, 1],
	]) {
		t.strictSame(read(records(MESSAGE, ...sizes)), PARSED, sizes.join(' and '));
	}
	t.end();
});

t.test('the minor version of a record means nothing', (t) => {
	for (const version of [0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x03ff]) {
		t.strictSame(read(record(MESSAGE, 22, version)), PARSED, version.toString(16));
	}
	t.end();
});

t.test('what comes after the hello, in records of its own, is left alone', (t) => {
	for (const after of [record(Uint8Array.of(1), 20), record(utf8('early'), 23), utf8('anything'), WHOLE]) {
		t.strictSame(read(join(WHOLE, after)), PARSED);
	}
	t.end();
});

t.test('an answer stands, whatever comes after it', (t) => {
	const good = new ClientHelloReader();
	t.equal(good.read(WHOLE), good.read(join(WHOLE, utf8('more'))));
	const bad = new ClientHelloReader();
	t.equal(bad.read(record(message(helloBody(), 2))), bad.read(WHOLE));
	t.end();
});

t.test('the bytes may be a view into others, and are not kept', (t) => {
	const around = join(utf8('before'), WHOLE, utf8('behind'));
	const reader = new ClientHelloReader();
	const result = reader.read(around.subarray(6, 6 + WHOLE.length));
	around.fill(0);
	t.strictSame(result, PARSED);
	t.end();
});

const NOT_TLS: readonly (readonly [what: string, bytes: Uint8Array, after: number])[] = [
	['an HTTP request', utf8('GET / HTTP/1.1\r\n\r\n'), 1],
	['an SSH banner', utf8('SSH-2.0-OpenSSH_9.2\r\n'), 1],
	['a hello of SSL 2.0', hex('802e 01 0002 0015 0000 0010 010080'), 1],
	['a hello of SSL 2.0 for TLS 1.2', hex('803c 01 0303 0033 0000 0020'), 1],
	["PostgreSQL's SSLRequest", hex('00000008 04d2162f'), 1],
	['zeros', new Uint8Array(40), 1],
	['an MQTT CONNECT', hex('10 0c 0004 4d515454 04 02 003c 0000'), 1],
	['content type 19', hex('13 0303 0001 01'), 1],
	['content type 25 (DTLS 1.2 with connection ids)', hex('19 0303 0001 01'), 1],
	['a handshake record of version 2', hex('16 0200 0001 01'), 2],
	['a handshake record of version 4', hex('16 0400 0001 01'), 2],
	['DTLS', hex('16 feff 0000 0000 0000 0000 0001 01'), 2],
	['what looks like an alert, but is of no version', hex('15 4142 43'), 2],
];

for (const [what, bytes, after] of NOT_TLS) {
	t.test(`${what} is not TLS, and ${after === 1 ? 'its first byte says' : 'its first two bytes say'} so`, (t) => {
		const [came, result] = decided(bytes);
		t.match(result, { type: 'invalid', outcome: 'not-tls', reason: String });
		t.equal(came, after);
		t.match(read(bytes), { outcome: 'not-tls' }, 'at once too');
		t.end();
	});
}

const HEADER = 5;
const INVALID: readonly (readonly [what: string, bytes: Uint8Array, after: number, reason: string])[] = [
	['an alert', record(hex('02 28'), 21), 2, 'a record of type 21 instead of a ClientHello'],
	['a change of ciphers', record(hex('01'), 20), 2, 'a record of type 20 instead of a ClientHello'],
	['application data', record(utf8('hello'), 23), 2, 'a record of type 23 instead of a ClientHello'],
	['a heartbeat', record(hex('01 0010'), 24), 2, 'a record of type 24 instead of a ClientHello'],
	['a ServerHello', record(message(helloBody(), 2)), HEADER + 1, 'handshake message 2 instead of a ClientHello'],
	['a HelloRequest', record(hex('00 000000')), HEADER + 1, 'handshake message 0 instead of a ClientHello'],
	['an empty record', record(new Uint8Array(0)), HEADER, 'an empty record'],
	[
		'an empty record in the middle',
		join(record(MESSAGE.subarray(0, 9)), record(hex('')), record(MESSAGE.subarray(9))),
		9 + 2 * HEADER,
		'an empty record',
	],
	['a record of 16,385 bytes', join(hex('16 0301 4001'), MESSAGE), HEADER, 'a record of 16385 bytes'],
	[
		'an alert in the middle',
		join(record(MESSAGE.subarray(0, 9)), record(hex('01 00'), 21)),
		HEADER + 9 + 1,
		'a record of type 21 instead of a ClientHello',
	],
	[
		'a second record of version 2',
		join(record(MESSAGE.subarray(0, 9)), record(MESSAGE.subarray(9), 22, 0x0201)),
		HEADER + 9 + 2,
		'a record of version 2',
	],
	[
		'a hello that ends before its record',
		record(join(MESSAGE, hex('0b'))),
		HEADER + 4,
		'its record goes on after its end',
	],
	[
		'a hello that ends in the middle of its second record',
		join(record(MESSAGE.subarray(0, 9)), record(join(MESSAGE.subarray(9), hex('0b')))),
		9 + 2 * HEADER,
		'its record goes on after its end',
	],
	['a hello of no bytes', record(hex('01 000000')), HEADER + 4, 'the hello ends before its extensions'],
	['a length of 16 MiB', record(hex('01 ffffff 0303')), HEADER + 4, '16777219 bytes; at most 65536'],
];

for (const [what, bytes, after, reason] of INVALID) {
	t.test(`${what} is no ClientHello`, (t) => {
		t.strictSame(decided(bytes), [after, { type: 'invalid', outcome: 'client-hello-invalid', reason }]);
		t.strictSame(read(bytes), { type: 'invalid', outcome: 'client-hello-invalid', reason }, 'at once too');
		t.end();
	});
}

t.test(`a hello may have ${MAX_HELLO_BYTES} bytes, and not one more`, (t) => {
	t.strictSame(read(longHello(MAX_HELLO_BYTES, serverName('long.example'))), {
		type: 'parsed',
		hello: { serverName: 'long.example', alpn: [], versions: [0x0303] },
	});
	const [after, result] = decided(longHello(MAX_HELLO_BYTES + 1));
	t.match(result, { outcome: 'client-hello-invalid', reason: '65537 bytes; at most 65536' });
	t.equal(after, HEADER + 4, 'as soon as it says its length');
	t.end();
});

t.test(`a hello may end with byte ${MAX_HELLO_WIRE_BYTES} of the wire, and not later`, (t) => {
	const count = 8_000;
	/** A hello in so many records, all but three of them of one byte. */
	const ofWireBytes = (wireBytes: number): Uint8Array => {
		const content = wireBytes - count * HEADER;
		const rest = content - message(helloBody({ extensions: [[21, new Uint8Array(0)]] })).length;
		const hello = message(helloBody({ extensions: [[21, new Uint8Array(rest)]] }));
		return records(hello, ...Array<number>(count - 3).fill(1), 16_384, 16_384, content);
	};
	const fits = ofWireBytes(MAX_HELLO_WIRE_BYTES);
	t.equal(fits.length, MAX_HELLO_WIRE_BYTES);
	t.equal(read(fits).type, 'parsed');

	const tooLong = ofWireBytes(MAX_HELLO_WIRE_BYTES + 1);
	t.equal(tooLong.length, MAX_HELLO_WIRE_BYTES + 1);
	const reason = `no end within ${MAX_HELLO_WIRE_BYTES} bytes`;
	const invalid = { type: 'invalid', outcome: 'client-hello-invalid', reason };
	t.strictSame(read(tooLong), invalid, 'at once');
	const reader = new ClientHelloReader();
	t.strictSame(reader.read(tooLong.subarray(0, MAX_HELLO_WIRE_BYTES - 1)), NEED_MORE, 'one byte before the limit');
	t.strictSame(reader.read(tooLong.subarray(0, MAX_HELLO_WIRE_BYTES)), invalid, 'at the limit');
	t.end();
});

t.test('a hello that never ends is ended, in records as small as may be', (t) => {
	const flood = records(join(hex('01 010000'), new Uint8Array(65_000)), 1);
	const [after, result] = decided(flood);
	t.match(result, { outcome: 'client-hello-invalid' });
	t.equal(after, HEADER * 4 + 4, 'its length alone is too much');
	const [late, end] = decided(records(join(hex('01 00f000'), new Uint8Array(0xf000)), 1));
	t.match(end, { outcome: 'client-hello-invalid' });
	t.equal(late, MAX_HELLO_WIRE_BYTES);
	t.end();
});

t.test('a hello byte by byte takes no more than a few looks at each', (t) => {
	const wire = records(MESSAGE, 3);
	let looks = 0;
	const counted = (length: number): Uint8Array =>
		new Proxy(wire.subarray(0, length), {
			get(target, key) {
				if (typeof key === 'string' && /^\d+$/.test(key)) looks++;
				const value: unknown = Reflect.get(target, key, target);
				return typeof value === 'function' ? value.bind(target) : value;
			},
		});
	const reader = new ClientHelloReader();
	for (let length = 0; length < wire.length; length++) reader.read(counted(length));
	t.ok(looks >= MESSAGE.length / 3, 'the looks are counted');
	t.ok(looks < wire.length * 8, `${looks} looks at ${wire.length} bytes`);
	t.end();
});

t.test('a record that says it is longer than what will come is waited for', (t) => {
	t.strictSame(read(join(hex('16 0301'), u16(MESSAGE.length), MESSAGE.subarray(0, -1))), NEED_MORE);
	t.end();
});
