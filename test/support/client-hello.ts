/** A ClientHello in one TLS record (RFC 8446 section 4.1.2), with what tests need to say in it. */
export function clientHello({
	serverName,
	alpn = [],
}: {
	readonly serverName?: string;
	readonly alpn?: readonly string[];
}): Uint8Array {
	const extensions = [
		...(serverName === undefined ? [] : extension(0, vector16([0, ...vector16(text(serverName))]))),
		...(alpn.length === 0 ? [] : extension(16, vector16(alpn.flatMap((name) => vector8(text(name)))))),
		...extension(43, vector8([3, 4])),
	];
	const body = [
		3,
		3,
		...new Array<number>(32).fill(7),
		...vector8([]),
		...vector16([0x13, 1]),
		...vector8([0]),
		...vector16(extensions),
	];
	const message = [1, 0, ...vector16(body)];
	return Uint8Array.from([22, 3, 1, ...vector16(message)]);
}

const text = (value: string): number[] => [...value].map((letter) => letter.charCodeAt(0));
const vector8 = (bytes: readonly number[]): number[] => [bytes.length, ...bytes];
const vector16 = (bytes: readonly number[]): number[] => [bytes.length >> 8, bytes.length & 255, ...bytes];
const extension = (type: number, bytes: readonly number[]): number[] => [type >> 8, type & 255, ...vector16(bytes)];
