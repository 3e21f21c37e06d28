import fc from 'fast-check';
import t from 'tap';
import { offeredSchemes, schemesOf } from '../../../../src/engine/node/tls/signature-schemes.ts';
import { certificateAuthority } from '../../../support/certificates.ts';
import {
	type Extension,
	helloBody,
	join,
	message,
	record,
	u16,
	vector,
	versions,
} from '../../../support/hello-bytes.ts';
import { clientByHand } from '../../../support/tls.ts';

const signatures = (...list: readonly number[]): Extension => [13, vector(2, join(...list.map(u16)))];

const helloWith = (...extensions: readonly Extension[]): Uint8Array => record(message(helloBody({ extensions })));

t.test('what keys can sign with', async (t) => {
	const ca = certificateAuthority(t);
	t.same(schemesOf(ca.issue(['a']).cert), [0x0403]);
	t.same(schemesOf(ca.issue(['a'], { keyKind: 'rsa' }).cert), [0x0804, 0x0805, 0x0806]);
});

t.test('what a client of TLS 1.3 takes', async (t) => {
	t.same(offeredSchemes(helloWith(signatures(0x0403, 0x0804), versions(0x0304, 0x0303))), new Set([0x0403, 0x0804]));
	t.equal(offeredSchemes(helloWith(signatures(0x0403), versions(0x0303))), null, 'no TLS 1.3');
	t.equal(offeredSchemes(helloWith(signatures(0x0403))), null, 'no versions');
	t.same(offeredSchemes(helloWith(versions(0x0304))), new Set(), 'no signatures');
	const hello = await clientByHand({ sigalgs: 'ECDSA+SHA256' }).written();
	t.same(offeredSchemes(hello), new Set([0x0403]), 'as Node writes it');
});

t.test('a hello that is not whole in its first record says nothing', async (t) => {
	const hello = helloWith(versions(0x0304), signatures(0x0403));
	for (let length = 0; length < hello.length; length++) t.equal(offeredSchemes(hello.subarray(0, length)), null);
});

t.test('any bytes are read without a crash', async () => {
	const hello = helloWith(versions(0x0304), signatures(0x0403));
	fc.assert(
		fc.property(fc.nat(hello.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 90 }), (at, byte, other) => {
			const mutated = Uint8Array.from(hello);
			mutated[at] = byte;
			for (const bytes of [mutated, other]) offeredSchemes(bytes);
		}),
		{ numRuns: 1_000, seed: 1 },
	);
});
