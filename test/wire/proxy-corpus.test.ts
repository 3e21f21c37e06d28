import t from 'tap';
import {
	type ProxyAddresses,
	readProxyHeader,
	writeLocalHeader,
	writeProxyHeader,
} from '../../src/wire/proxy-protocol.ts';
import { join, utf8 } from '../support/hello-bytes.ts';
import { between, parsed, SILENT } from '../support/proxy-bytes.ts';
import { recordings } from '../support/wire-corpus.ts';

const v4 = (client: number, port: number): ProxyAddresses => between('127.0.0.1', client, '127.0.0.1', port);
const v6 = (client: number, port: number): ProxyAddresses => between('::1', client, '::1', port);

const EXPECTED: Readonly<Record<string, [version: 1 | 2, addresses: ProxyAddresses | null]>> = {
	'haproxy-v1': [1, v4(47050, 24434)],
	'haproxy-v1-ipv6': [1, v6(44914, 24434)],
	'haproxy-v1-local': [1, v4(44058, 35147)],
	'haproxy-v1-unix': [1, null],
	'haproxy-v2': [2, v4(47052, 24434)],
	'haproxy-v2-crc': [2, v4(47066, 24434)],
	'haproxy-v2-ipv6': [2, v6(44924, 24434)],
	'haproxy-v2-local': [2, null],
	'haproxy-v2-tls': [2, v4(47080, 24434)],
	'haproxy-v2-unix': [2, null],
	'nginx-v1': [1, v4(42922, 24435)],
	'nginx-v1-ipv6': [1, v6(36804, 24435)],
	'nginx-v1-unix': [1, null],
};

const corpus = recordings('proxy-');
const recorded = (name: string): Uint8Array => {
	const found = corpus.find((recording) => recording.name === name);
	if (found === undefined) throw new Error(`no recording ${name}`);
	return Uint8Array.from(found.bytes);
};

t.test('the recorded headers are those expected', (t) => {
	t.strictSame(corpus.map(({ name }) => name).sort(), Object.keys(EXPECTED).sort());
	t.end();
});

for (const { name, madeBy, bytes } of corpus) {
	t.test(madeBy, (t) => {
		const [version = 1, addresses = null] = EXPECTED[name] ?? [];
		t.strictSame(readProxyHeader(join(bytes, utf8('payload'))), parsed(version, addresses, bytes.length), 'at once');
		for (let length = 0; length < bytes.length; length++) {
			const result = readProxyHeader(bytes.subarray(0, length));
			if (result.type !== 'need-more') t.fail(`after ${length} bytes: ${JSON.stringify(result)}`);
		}
		t.end();
	});
}

t.test('the checksums of HAProxy cover every byte', (t) => {
	for (const name of ['haproxy-v2-crc', 'haproxy-v2-tls']) {
		const header = recorded(name);
		for (let at = 16; at < header.length; at++) {
			header[at] = (header[at] ?? 0) ^ 0x80;
			const { type } = readProxyHeader(header);
			// Without the type of a checksum, there is none.
			t.equal(type, at === 28 ? 'parsed' : 'invalid', `${name}, byte ${at}`);
			header[at] = (header[at] ?? 0) ^ 0x80;
		}
	}
	t.end();
});

t.test('the same facts are written as HAProxy and nginx write them', (t) => {
	for (const name of ['haproxy-v2', 'haproxy-v2-ipv6', 'haproxy-v1', 'nginx-v1', 'nginx-v1-unix', 'haproxy-v1-unix']) {
		const [version = 1, addresses = null] = EXPECTED[name] ?? [];
		t.strictSame(writeProxyHeader(`v${version}`, { ...SILENT, addresses }), recorded(name), name);
	}
	t.strictSame(writeLocalHeader('v2'), recorded('haproxy-v2-local'));
	t.strictSame(writeLocalHeader('v1', v4(44058, 35147)), recorded('haproxy-v1-local'));
	t.end();
});
