import t from 'tap';
import {
	POSTGRES_ACCEPT,
	POSTGRES_DECLINE,
	POSTGRES_REQUEST_BYTES,
	POSTGRES_SSL_REQUEST,
	type PostgresStart,
	readPostgresStart,
	refusalOfTls,
} from '../../src/wire/postgres.ts';
import { decided } from '../support/decided.ts';
import { helloBytes, hex, join, utf8 } from '../support/hello-bytes.ts';

const SSL = hex('00000008 04d2162f');
const GSS = hex('00000008 04d21630');
/** Version 3.0, user u. */
const STARTUP = join(hex('00000010 00030000'), utf8('user\0u\0\0'));

const STARTS: readonly (readonly [what: string, bytes: Uint8Array, type: PostgresStart['type'], after: number])[] = [
	['nothing', hex(''), 'need-more', 0],
	['an SSLRequest', SSL, 'ssl-request', 8],
	['an SSLRequest and what should have waited for its answer', join(SSL, helloBytes()), 'ssl-request', 8],
	['a GSSENCRequest', GSS, 'gss-request', 8],
	['a request but for its last byte', SSL.subarray(0, 7), 'need-more', 7],
	['a ClientHello at once', helloBytes(), 'direct', 1],
	['a session in the clear', STARTUP, 'other', 4],
	['a session in the clear whose length is that of a request', hex('00000008 00030000'), 'other', 5],
	['a cancel request', hex('00000010 04d2162e 00000001 00000002'), 'other', 4],
	['a cancel request of 8 bytes', hex('00000008 04d2162e'), 'other', 8],
	['a request of the wrong length', hex('00000009 04d2162f'), 'other', 4],
	['a request number to come', hex('00000008 04d21631'), 'other', 8],
	['a session of protocol 3.2', hex('00000020 00030002'), 'other', 4],
	['an old session of protocol 2', hex('00000128 00020000'), 'other', 3],
	['an HTTP request', utf8('GET / HTTP/1.1\r\n'), 'other', 1],
	['an alert', hex('15 0301 0002 02 28'), 'other', 1],
];

for (const [what, bytes, type, after] of STARTS) {
	t.test(`${what} is ${type} after ${after} bytes`, (t) => {
		t.strictSame(decided(bytes, readPostgresStart), [after, { type }]);
		t.equal(readPostgresStart(bytes).type, type, 'at once too');
		t.end();
	});
}

t.test('of all first bytes, only the one of a length and the one of TLS mean anything', (t) => {
	for (let byte = 0; byte < 256; byte++) {
		const expected = byte === 0 ? 'need-more' : byte === 22 ? 'direct' : 'other';
		t.equal(readPostgresStart(Uint8Array.of(byte)).type, expected, `${byte}`);
	}
	t.end();
});

t.test('no request is a byte away from another', (t) => {
	for (const [request, type] of [
		[SSL, 'ssl-request'],
		[GSS, 'gss-request'],
	] as const) {
		for (let at = 0; at < request.length; at++) {
			for (let byte = 0; byte < 256; byte++) {
				const bytes = Uint8Array.from(request);
				bytes[at] = byte;
				const result = readPostgresStart(bytes).type;
				if (byte === request[at]) t.equal(result, type);
				else if (result === type || result === 'need-more') t.fail(`${result} with byte ${at} ${byte}`);
			}
		}
	}
	t.end();
});

t.test('what is sent is what is read, and an answer is one byte', (t) => {
	t.strictSame(POSTGRES_SSL_REQUEST, SSL);
	t.equal(POSTGRES_SSL_REQUEST.length, POSTGRES_REQUEST_BYTES);
	t.strictSame([POSTGRES_ACCEPT, POSTGRES_DECLINE], [utf8('S'), utf8('N')]);
	t.end();
});

t.test("a server's answer is one byte that agrees, and nothing after it", (t) => {
	const answers: [answer: string, refusal: string | null][] = [
		['S', null],
		['N', 'the backend refuses TLS (SSLRequest)'],
		['E', 'the backend refuses TLS (SSLRequest)'],
		['', '0 bytes in answer to SSLRequest'],
		['S\x16', '2 bytes in answer to SSLRequest'],
		['SS', '2 bytes in answer to SSLRequest'],
	];
	for (const [answer, refusal] of answers) t.equal(refusalOfTls(utf8(answer)), refusal, answer);
	t.end();
});
