import t from 'tap';
import { ClientHelloReader } from '../../src/wire/client-hello.ts';
import { recordings } from '../support/wire-corpus.ts';

const TLS_1_0 = 0x0301;
const TLS_1_1 = 0x0302;
const TLS_1_2 = 0x0303;
const TLS_1_3 = 0x0304;

const EXPECTED: Readonly<Record<string, [serverName: string | null, alpn: string[], versions: number[]]>> = {
	chromium: ['browser.example', ['h2', 'http/1.1'], [TLS_1_3, TLS_1_2]],
	'curl-h2': ['curl.example', ['h2', 'http/1.1'], [TLS_1_3, TLS_1_2, TLS_1_1, TLS_1_0]],
	'curl-http11-ip': [null, ['http/1.1'], [TLS_1_3, TLS_1_2, TLS_1_1, TLS_1_0]],
	java: [null, [], [TLS_1_3, TLS_1_2]],
	'node-no-sni': [null, [], [TLS_1_3, TLS_1_2]],
	'node-sni-alpn': ['node.example', ['mqtt', 'xmpp-client'], [TLS_1_3, TLS_1_2]],
	'node-tls12': ['old.example', [], [TLS_1_2]],
	'openssl-early-data': ['early.example', [], [TLS_1_3]],
	'openssl-several-alpn': [
		'several.example',
		['mqtt', 'postgresql', 'h2', 'http/1.1'],
		[TLS_1_3, TLS_1_2, TLS_1_1, TLS_1_0],
	],
	'openssl-three-records': [
		'split.example',
		Array.from({ length: 60 }, (_, i) => `protocol-${i}`),
		[TLS_1_3, TLS_1_2, TLS_1_1, TLS_1_0],
	],
	'openssl-tls12-alpn': ['broker.example', ['mqtt'], [TLS_1_2]],
	'openssl-tls12-no-sni': [null, [], [TLS_1_2]],
	'openssl-tls12-sni': ['tls12.example', [], [TLS_1_2]],
	'openssl-tls13-no-sni': [null, [], [TLS_1_3]],
	'openssl-tls13-sni': ['tls13.example', [], [TLS_1_3]],
	psql: ['db.example', [], [TLS_1_3, TLS_1_2]],
};

/** A change_cipher_spec and 11 bytes of early data, in records of their own. */
const AFTER_THE_HELLO: Readonly<Record<string, number>> = { 'openssl-early-data': 6 + 5 + 28 };

const corpus = recordings('hello-');

t.test('the recorded hellos are those expected', (t) => {
	t.strictSame(corpus.map(({ name }) => name).sort(), Object.keys(EXPECTED).sort());
	t.end();
});

for (const { name, madeBy, bytes } of corpus) {
	t.test(madeBy, (t) => {
		const [serverName, alpn, versions] = EXPECTED[name] ?? [];
		const parsed = { type: 'parsed', hello: { serverName, alpn, versions } };
		t.strictSame(new ClientHelloReader().read(bytes), parsed, 'at once');

		const reader = new ClientHelloReader();
		const end = bytes.length - (AFTER_THE_HELLO[name] ?? 0);
		for (let length = 0; length < end; length++) {
			const result = reader.read(bytes.subarray(0, length));
			if (result.type !== 'need-more') t.fail(`after ${length} of ${end} bytes: ${JSON.stringify(result)}`);
		}
		t.strictSame(reader.read(bytes.subarray(0, end)), parsed, 'byte by byte, whole with the last one');
		t.end();
	});
}

t.test('the hellos with a post-quantum key share are longer than a segment', (t) => {
	const long = corpus.filter(({ bytes }) => bytes.length > 1460).map(({ name }) => name);
	t.strictSame(long, ['chromium', 'node-no-sni', 'node-sni-alpn']);
	t.end();
});
