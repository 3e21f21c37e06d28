import t from 'tap';
import { ClientHelloReader, type ClientHelloResult } from '../../src/wire/client-hello.ts';
import {
	type Extension,
	type HelloParts,
	helloBody,
	helloBytes,
	hex,
	join,
	message,
	nameEntry,
	nameList,
	protocols,
	record,
	serverName,
	utf8,
	vector,
	versions,
} from '../support/hello-bytes.ts';

const read = (bytes: Uint8Array): ClientHelloResult => new ClientHelloReader().read(bytes);
const NOTHING = new Uint8Array(0);

const ACCEPTED: readonly (readonly [what: string, parts: HelloParts, said: object])[] = [
	[
		'a hello without extensions, as of TLS 1.0',
		{ version: 0x0301, extensions: null },
		{ serverName: null, alpn: [], versions: [0x0301] },
	],
	['a hello with an empty list of extensions', { extensions: [] }, { serverName: null, alpn: [], versions: [0x0303] }],
	['a hello of SSL 3.0', { version: 0x0300, extensions: null }, { versions: [0x0300] }],
	['a hello of a version to come', { version: 0x0305 }, { versions: [0x0305] }],
	['no session id', { sessionId: NOTHING }, { versions: [0x0303] }],
	['several compression methods', { compressions: hex('01 00') }, { versions: [0x0303] }],
	['one cipher suite', { ciphers: hex('1301') }, { versions: [0x0303] }],
	[
		'GREASE among the ciphers and the extensions',
		{ ciphers: hex('0a0a 1301'), extensions: [[0x1a1a, NOTHING], serverName('a.example'), [0xfafa, hex('00')]] },
		{ serverName: 'a.example' },
	],
	['GREASE among the versions', { extensions: [versions(0x7a7a, 0x0304, 0x0303)] }, { versions: [0x0304, 0x0303] }],
	['no version but GREASE', { extensions: [versions(0xeaea)] }, { versions: [] }],
	['what is almost GREASE', { extensions: [versions(0x0a1a, 0x0b0b)] }, { versions: [0x0a1a, 0x0b0b] }],
	[
		'the versions of the extension, not the one of the hello',
		{ version: 0x0303, extensions: [versions(0x0304)] },
		{ versions: [0x0304] },
	],
	[
		'as many versions as its list holds',
		{ extensions: [versions(...Array<number>(127).fill(0x0304))] },
		{ versions: Array<number>(127).fill(0x0304) },
	],
	['one protocol', { extensions: [protocols('mqtt')] }, { alpn: ['mqtt'] }],
	[
		'several protocols, in order',
		{ extensions: [protocols('xmpp-client', 'h2', 'http/1.1')] },
		{ alpn: ['xmpp-client', 'h2', 'http/1.1'] },
	],
	['one protocol twice', { extensions: [protocols('h2', 'h2')] }, { alpn: ['h2', 'h2'] }],
	[
		'GREASE among the protocols',
		{ extensions: [protocols(hex('0a0a'), 'h2', hex('eaea'))] },
		{ alpn: ['\\x0a\\x0a', 'h2', '\\xea\\xea'] },
	],
	['a protocol of 255 bytes', { extensions: [protocols('p'.repeat(255))] }, { alpn: ['p'.repeat(255)] }],
	[
		'256 protocols',
		{ extensions: [protocols(...Array<string>(256).fill('p'))] },
		{ alpn: Array<string>(256).fill('p') },
	],
	['a name', { extensions: [serverName('game.example.com')] }, { serverName: 'game.example.com' }],
	['capitals, made small', { extensions: [serverName('GAME.Example.COM')] }, { serverName: 'game.example.com' }],
	['a trailing dot, dropped', { extensions: [serverName('game.example.com.')] }, { serverName: 'game.example.com' }],
	['a list of names of another type alone', { extensions: [nameList(nameEntry(utf8('?'), 7))] }, { serverName: null }],
	[
		'a host name among names of other types',
		{ extensions: [nameList(nameEntry(NOTHING, 7), nameEntry(utf8('a.example')), nameEntry(utf8('b.example'), 9))] },
		{ serverName: 'a.example' },
	],
	[
		'the outer name of an Encrypted ClientHello',
		{ extensions: [serverName('public.example'), [0xfe0d, new Uint8Array(200).fill(7)]] },
		{ serverName: 'public.example' },
	],
	[
		'extensions in any order',
		{ extensions: [versions(0x0304), protocols('h2'), [51, new Uint8Array(1216)], serverName('a.example')] },
		{ serverName: 'a.example', alpn: ['h2'], versions: [0x0304] },
	],
];

for (const [what, parts, said] of ACCEPTED) {
	t.test(`taken: ${what}`, (t) => {
		t.match(read(helloBytes(parts)), { type: 'parsed', hello: said });
		t.end();
	});
}

const list = (type: number, lengthBytes: 1 | 2, ...content: readonly Uint8Array[]): Extension => [
	type,
	vector(lengthBytes, join(...content)),
];

const BAD_EXTENSIONS: readonly (readonly [what: string, extensions: readonly Extension[], reason: string])[] = [
	['server_name without content', [[0, NOTHING]], 'server_name: no list of names'],
	['server_name with half a length', [[0, hex('00')]], 'server_name: no list of names'],
	['server_name with an empty list', [[0, hex('0000')]], 'server_name: no list of names'],
	['a list of names longer than server_name', [[0, hex('0005 00 0001 61')]], 'server_name: no list of names'],
	['a list of names shorter than server_name', [[0, hex('0004 00 0001 61 00')]], 'server_name: no list of names'],
	['half a name', [list(0, 2, hex('00 00'))], 'server_name: a name is longer than the list'],
	['a name longer than the list', [list(0, 2, hex('00 0002 61'))], 'server_name: a name is longer than the list'],
	[
		'a name of another type longer than the list',
		[list(0, 2, hex('07 0002 61'))],
		'server_name: a name is longer than the list',
	],
	['an empty name', [serverName('')], 'server_name: not a host name'],
	[
		'two host names',
		[nameList(nameEntry(utf8('a.example')), nameEntry(utf8('b.example')))],
		'server_name: two host names',
	],
	[
		'the same host name twice',
		[nameList(nameEntry(utf8('a.example')), nameEntry(utf8('a.example')))],
		'server_name: two host names',
	],
	['a name with a NUL', [serverName('a.example\0.evil.example')], 'server_name: not a host name'],
	['a name beyond ASCII', [serverName('bücher.example')], 'server_name: not a host name'],
	['an IPv6 address', [serverName('2001:db8::1')], 'server_name: not a host name'],
	['a wildcard', [serverName('*.example')], 'server_name: not a host name'],
	['ALPN without content', [[16, NOTHING]], 'ALPN: no list of protocols'],
	['ALPN with an empty list', [[16, hex('0000')]], 'ALPN: no list of protocols'],
	['a list of protocols longer than ALPN', [[16, hex('0004 02 6832')]], 'ALPN: no list of protocols'],
	['a list of protocols shorter than ALPN', [[16, hex('0003 02 6832 00')]], 'ALPN: no list of protocols'],
	['an empty protocol', [protocols('h2', '')], 'ALPN: an empty name'],
	['a protocol longer than the list', [list(16, 2, hex('03 6832'))], 'ALPN: a name is longer than the list'],
	['257 protocols', [protocols(...Array<string>(257).fill('p'))], 'ALPN: more than 256 protocols'],
	['supported_versions without content', [[43, NOTHING]], 'supported_versions: no list of versions'],
	['supported_versions with an empty list', [[43, hex('00')]], 'supported_versions: no list of versions'],
	['supported_versions as a server writes it', [[43, hex('0304')]], 'supported_versions: no list of versions'],
	[
		'a list of versions longer than supported_versions',
		[[43, hex('04 0304')]],
		'supported_versions: no list of versions',
	],
	[
		'a list of versions shorter than supported_versions',
		[[43, hex('02 0304 0303')]],
		'supported_versions: no list of versions',
	],
	['a version and a half', [list(43, 1, hex('0304 03'))], 'supported_versions: half a version'],
	['server_name twice', [serverName('a.example'), serverName('a.example')], 'extension 0 comes twice'],
	[
		'an extension twice that nobody reads',
		[[35, NOTHING], serverName('a.example'), [35, NOTHING]],
		'extension 35 comes twice',
	],
	[
		'one GREASE extension twice',
		[
			[0x2a2a, NOTHING],
			[0x2a2a, hex('00')],
		],
		'extension 10794 comes twice',
	],
];

for (const [what, extensions, reason] of BAD_EXTENSIONS) {
	t.test(`refused: ${what}`, (t) => {
		t.strictSame(read(helloBytes({ extensions })), { type: 'invalid', outcome: 'client-hello-invalid', reason });
		t.end();
	});
}

const BAD_BODIES: readonly (readonly [what: string, body: Uint8Array, reason: string])[] = [
	['a hello of SSL 2.0', helloBody({ version: 0x0200 }), 'a version before SSL 3.0'],
	['a session id of 33 bytes', helloBody({ sessionId: new Uint8Array(33) }), 'a session id of more than 32 bytes'],
	['no cipher suites', helloBody({ ciphers: NOTHING }), 'no list of cipher suites'],
	['half a cipher suite', helloBody({ ciphers: hex('1301 13') }), 'no list of cipher suites'],
	['no compression method', helloBody({ compressions: NOTHING }), 'no compression method'],
	[
		'one byte after the compression methods',
		join(helloBody({ extensions: null }), hex('00')),
		'the extensions do not end where the hello does',
	],
	[
		'one byte after the extensions',
		join(helloBody({ extensions: [] }), hex('00')),
		'the extensions do not end where the hello does',
	],
	[
		'extensions longer than the hello',
		join(helloBody({ extensions: null }), hex('0005 0000 0000')),
		'the extensions do not end where the hello does',
	],
	[
		'an extension longer than the extensions',
		join(helloBody({ extensions: null }), hex('0005 0023 0002 00')),
		'an extension is longer than the extensions',
	],
	[
		'half an extension',
		join(helloBody({ extensions: null }), hex('0003 0023 00')),
		'an extension is longer than the extensions',
	],
];

for (const [what, body, reason] of BAD_BODIES) {
	t.test(`refused: ${what}`, (t) => {
		t.strictSame(read(record(message(body))), { type: 'invalid', outcome: 'client-hello-invalid', reason });
		t.end();
	});
}

t.test('a hello cut short anywhere, with its lengths set right outside of it, is refused', (t) => {
	const body = helloBody({ extensions: [serverName('a.example'), protocols('mqtt'), versions(0x0304)] });
	const whole = helloBody({ extensions: null }).length;
	for (let length = 0; length < body.length; length++) {
		const result = read(record(message(body.subarray(0, length))));
		// Without its extensions, it is a hello of older times.
		if (length === whole) t.match(result, { type: 'parsed' });
		else if (result.type !== 'invalid') t.fail(`${length} of ${body.length} bytes: ${JSON.stringify(result)}`);
	}
	t.end();
});
