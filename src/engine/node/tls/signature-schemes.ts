import { X509Certificate } from 'node:crypto';
import { Reader } from '../../../wire/reader.ts';

/** RFC 8446 section 4.2.3, by the kind of key, of elliptic curves by the curve. */
const SCHEMES: ReadonlyMap<string, readonly number[]> = new Map([
	['prime256v1', [0x0403]],
	['secp384r1', [0x0503]],
	['secp521r1', [0x0603]],
	['ed25519', [0x0807]],
	['ed448', [0x0808]],
	['rsa', [0x0804, 0x0805, 0x0806]],
	['rsa-pss', [0x0809, 0x080a, 0x080b]],
]);

/** What the key of this certificate (PEM) can sign with in TLS 1.3. */
export function schemesOf(certificate: string): readonly number[] {
	const { asymmetricKeyType, asymmetricKeyDetails } = new X509Certificate(certificate).publicKey;
	return SCHEMES.get(asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType ?? '') ?? [];
}

const TLS_1_3 = 0x0304;
const SIGNATURE_ALGORITHMS = 13;
const SUPPORTED_VERSIONS = 43;

/** In a record: type and version of it, its length; type of the message, its length, version and random (RFC 8446 section 4.1.2). */
const RECORD_HEADER_BYTES = 5;
const BEFORE_SESSION_ID_BYTES = 4 + 2 + 32;

/**
 * The signatures that the client of this ClientHello takes with TLS 1.3; null where it does not speak that, or the
 * hello is not in one record, as almost all are. That it is a ClientHello is known.
 */
export function offeredSchemes(wire: Uint8Array): ReadonlySet<number> | null {
	const header = new Reader(wire, 0, wire.length);
	header.skip(RECORD_HEADER_BYTES - 2);
	const body = header.part(header.u16());
	body.skip(BEFORE_SESSION_ID_BYTES);
	body.part(body.u8());
	body.part(body.u16());
	body.part(body.u8());
	const extensions = body.part(body.u16());
	return header.short || body.short ? null : schemesIn(extensions);
}

function schemesIn(extensions: Reader): ReadonlySet<number> | null {
	let speaks = false;
	const schemes = new Set<number>();
	while (extensions.left > 0) {
		const type = extensions.u16();
		const content = extensions.part(extensions.u16());
		if (extensions.short) return null;
		if (type === SUPPORTED_VERSIONS) speaks = numbersOf(content.part(content.u8())).includes(TLS_1_3);
		if (type === SIGNATURE_ALGORITHMS) for (const scheme of numbersOf(content.part(content.u16()))) schemes.add(scheme);
	}
	return speaks ? schemes : null;
}

function numbersOf(list: Reader): number[] {
	const numbers: number[] = [];
	while (list.left > 0) {
		const number = list.u16();
		if (!list.short) numbers.push(number);
	}
	return numbers;
}
