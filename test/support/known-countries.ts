import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Addresses of known countries, read from geoip-lite's data files by their layout and not through the library or
 * any code of ours, so that a lookup has something independent to be held against. They follow the installed
 * data: an update of the package needs no new fixture.
 */
export interface KnownCountry {
	readonly address: string;
	readonly country: string;
}

/** IPv4 record, 10 bytes: first and last address (32 bits, big-endian), country. */
const V4 = { file: 'geoip-country.dat', size: 10, countryAt: 8 };
/** IPv6 record, 34 bytes: first and last address (128 bits, big-endian), country. */
const V6 = { file: 'geoip-country6.dat', size: 34, countryAt: 32 };

const ALL_ONES_64 = 0xffffffffffffffffn;

/** The same sample for the same seed: one IPv6 address of each country that has any, the rest IPv4, all countries in turn. */
export function knownCountries(count = 1_000, seed = 1): readonly KnownCountry[] {
	const random = seededRandom(seed);
	const v6 = [...recordsByCountry(V6, isSampledV6)].map(([country, records]) => ({
		address: addressInV6(pick(records, random), random),
		country,
	}));
	const v4Countries = [...recordsByCountry(V4, isSampledV4)];
	const v4 = Array.from({ length: count - v6.length }, (_, i) => {
		const [country, records] = pickAt(v4Countries, i % v4Countries.length);
		return { address: addressInV4(pick(records, random), random), country };
	});
	return [...v4, ...v6].slice(0, count);
}

function recordsByCountry(layout: typeof V4, isSampled: (record: Buffer) => boolean): Map<string, Buffer[]> {
	const folder = join(dirname(createRequire(import.meta.url).resolve('geoip-lite/package.json')), 'data');
	const data = readFileSync(join(folder, layout.file));
	const result = new Map<string, Buffer[]>();
	for (let at = 0; at < data.length; at += layout.size) {
		const record = data.subarray(at, at + layout.size);
		const country = record.toString('latin1', layout.countryAt, layout.countryAt + 2);
		if (!isSampled(record)) continue;
		const records = result.get(country);
		if (records === undefined) result.set(country, [record]);
		else records.push(record);
	}
	return result;
}

/** The library answers null for private ranges (RFC 1918), whatever the data says. */
function isSampledV4(record: Buffer): boolean {
	const first = record.readUInt32BE(0);
	return first >>> 24 !== 10 && first >>> 20 !== 0xac1 && first >>> 16 !== 0xc0a8;
}

/** Whole /64 networks of global unicast (2000::/3): the library compares 64 bits, and the data's first record is garbage. */
function isSampledV6(record: Buffer): boolean {
	const wholeNetworks = record.readBigUInt64BE(8) === 0n && record.readBigUInt64BE(24) === ALL_ONES_64;
	return wholeNetworks && record.readUInt8(0) >>> 5 === 1;
}

function addressInV4(record: Buffer, random: () => number): string {
	const first = record.readUInt32BE(0);
	const last = record.readUInt32BE(4);
	const value = first + Math.floor(random() * (last - first + 1));
	return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

function addressInV6(record: Buffer, random: () => number): string {
	const first = record.readBigUInt64BE(0);
	const networks = record.readBigUInt64BE(16) - first + 1n;
	const network = first + (BigInt(Math.floor(random() * 2 ** 32)) * networks) / 2n ** 32n;
	const host = BigInt(Math.floor(random() * 2 ** 32));
	const hex = network.toString(16).padStart(16, '0') + host.toString(16).padStart(16, '0');
	return hex.match(/.{4}/g)?.join(':') ?? '';
}

const pick = <T>(list: readonly T[], random: () => number): T => pickAt(list, Math.floor(random() * list.length));

function pickAt<T>(list: readonly T[], index: number): T {
	const item = list[index];
	if (item === undefined) throw new RangeError('an empty list: has the layout of the data files changed?');
	return item;
}

/** A linear congruential generator (Numerical Recipes' constants), its high bits: enough to scatter a sample. */
function seededRandom(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 2 ** 32;
	};
}
