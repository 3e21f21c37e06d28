/** The Castagnoli polynomial, its bits in reverse (RFC 9260 appendix A, formerly RFC 4960 appendix B). */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
	let crc = byte;
	for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
	return crc;
});

/** CRC32c, unsigned, of `bytes`, with the four bytes from `zeroAt` on taken for zeros: there stands the checksum itself. */
export function crc32c(bytes: Uint8Array, zeroAt = -4): number {
	let crc = -1;
	for (let i = 0; i < bytes.length; i++) {
		const byte = i >= zeroAt && i < zeroAt + 4 ? 0 : (bytes[i] ?? 0);
		crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
	}
	return ~crc >>> 0;
}
