import { Reader, type Response } from 'mmdb-lib';
import type { IpAddress } from '../../core/address.ts';
import { isV4 } from '../../core/address.ts';
import { errorText } from '../../core/errors.ts';
import type { GeoLookup } from '../../core/ports.ts';
import type { MmdbDatabase } from '../../core/snapshot.ts';
import { formatAddress } from '../../policy/address.ts';
import { RecordCache } from './record-cache.ts';

type Bytes = MmdbDatabase['bytes'];

/** What a database says of itself. */
export interface MmdbFacts {
	/** As its maker calls it, e.g. `GeoLite2-Country`. */
	readonly type: string;
	/** ISO 8601. */
	readonly built: string;
}

/** Why bytes are not a database of countries, in words that follow a file's name and a colon. */
export class MmdbFault extends Error {}

/** MaxMind DB File Format Specification 2.0, "Metadata": the marker, within the last 128 KiB of the file. */
const MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
const METADATA_BYTES = 128 * 1024;
/** Between the search tree and the data section. */
const SEPARATOR_BYTES = 16;
const GZIP = Buffer.from([0x1f, 0x8b]);

/** How many addresses, evenly over all of IPv4, must be readable: a tree or data section with holes shows. */
const SAMPLED = 4_096;
/** How many networks are looked at for a first country, of each address family. */
const NETWORKS_TRIED = 100_000;

/**
 * Countries of a database in shared memory, which is read in place: nothing of it is copied but what a bounded
 * cache holds. The answer is `country.iso_code`, where a client is; `registered_country`, where its provider is
 * registered, may be another continent and does not stand in for it (nor does it in the embedded data). Never
 * throws: an address that cannot be looked up has no country.
 */
export function openMmdb(bytes: Bytes): GeoLookup {
	const reader = new Reader(bufferOver(bytes), { cache: new RecordCache() });
	const { ipVersion } = reader.metadata;
	return {
		country(address) {
			if (!isCovered(address, ipVersion)) return null;
			try {
				return countryOf(reader.get(formatAddress(address)));
			} catch {
				return null;
			}
		},
	};
}

/** The reader would follow IPv6 into an IPv4 tree, and `::/64` into the IPv4 part of an IPv6 tree. */
const isCovered = (address: IpAddress, ipVersion: number): boolean =>
	isV4(address) || (ipVersion === 6 && (address.a !== 0 || address.b !== 0));

/**
 * Whether these bytes are a whole database of countries; what it says of itself.
 * @throws MmdbFault
 */
export function checkMmdb(bytes: Bytes): MmdbFacts {
	const buffer = bufferOver(bytes);
	const metadataAt = findMetadata(buffer);
	const reader = readable('its metadata cannot be read', () => new Reader(buffer, { cache: new RecordCache() }));
	const { binaryFormatMajorVersion, buildEpoch, databaseType, ipVersion, nodeCount, searchTreeSize } = reader.metadata;
	if (binaryFormatMajorVersion !== 2) {
		throw new MmdbFault(`it is of version ${binaryFormatMajorVersion} of the format, which is not known`);
	}
	const sane = (ipVersion === 4 || ipVersion === 6) && Number.isSafeInteger(nodeCount) && nodeCount > 0;
	if (!sane || Number.isNaN(buildEpoch.getTime()) || typeof databaseType !== 'string') {
		throw new MmdbFault('its metadata is broken');
	}
	if (searchTreeSize + SEPARATOR_BYTES > metadataAt) {
		throw new MmdbFault('it is shorter than its metadata says: a part of it is missing');
	}
	readable('a record of it cannot be read', () => {
		readSample(reader);
		if (hasCountry(reader)) return;
		const type = JSON.stringify(databaseType.slice(0, 60));
		throw new MmdbFault(`it has no countries (its type is ${type}): a country or city database is needed`);
	});
	return { type: databaseType, built: buildEpoch.toISOString() };
}

const bufferOver = (bytes: Bytes): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function findMetadata(buffer: Buffer): number {
	if (buffer.length === 0) throw new MmdbFault('it is empty');
	const tailAt = Math.max(0, buffer.length - METADATA_BYTES);
	const at = buffer.subarray(tailAt).lastIndexOf(MARKER);
	if (at >= 0) return tailAt + at;
	if (buffer.subarray(0, GZIP.length).equals(GZIP)) throw new MmdbFault('it is compressed: unpack it first');
	throw new MmdbFault('it is not a MaxMind DB file, or not a whole one: the metadata at its end is missing');
}

/** The library throws errors of many kinds over broken bytes. */
function readable<T>(fault: string, read: () => T): T {
	try {
		return read();
	} catch (error) {
		if (error instanceof MmdbFault) throw error;
		throw new MmdbFault(`${fault}: ${errorText(error)}`);
	}
}

function readSample(reader: Reader<Response>): void {
	for (let i = 0; i < SAMPLED; i++) reader.get(v4Text(i * (2 ** 32 / SAMPLED)));
}

/** Whether any network has a country: goes from one to the next, IPv4 and then global unicast IPv6 (2000::/3). */
function hasCountry(reader: Reader<Response>): boolean {
	let address = 0;
	for (let tried = 0; tried < NETWORKS_TRIED && address < 2 ** 32; tried++) {
		const [record, prefix] = reader.getWithPrefixLength(v4Text(address));
		if (countryOf(record) !== null) return true;
		address += 2 ** (32 - prefix);
	}
	if (reader.metadata.ipVersion === 4) return false;
	let high = 0x2000n << 48n;
	for (let tried = 0; tried < NETWORKS_TRIED && high < 0x4000n << 48n; tried++) {
		const [record, prefix] = reader.getWithPrefixLength(v6Text(high));
		if (countryOf(record) !== null) return true;
		high += 2n ** BigInt(64 - Math.min(64, Math.max(3, prefix)));
	}
	return false;
}

const v4Text = (value: number): string => formatAddress({ a: 0, b: 0, c: 0xffff, d: value });

/** The first address of a /64. */
const v6Text = (high: bigint): string =>
	formatAddress({ a: Number(high >> 32n), b: Number(high & 0xffffffffn), c: 0, d: 0 });

function countryOf(record: unknown): string | null {
	const code = fieldOf(fieldOf(record, 'country'), 'iso_code');
	return typeof code === 'string' && /^[A-Z]{2}$/.test(code) ? code : null;
}

const fieldOf = (value: unknown, name: string): unknown =>
	typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
