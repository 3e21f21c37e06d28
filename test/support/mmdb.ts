import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A database to be made by MaxMind's writer (Debian: libmaxmind-db-writer-perl). */
export interface WantedMmdb {
	readonly path: string;
	readonly type?: string;
	/** ISO 8601, whole seconds. */
	readonly built?: string;
	readonly ipVersion?: 4 | 6;
	readonly recordSize?: 24 | 28 | 32;
	readonly networks: readonly (readonly [network: string, record: object])[];
}

const SCRIPT = fileURLToPath(new URL('make-mmdb.pl', import.meta.url));

/** Writes all of them; throws what the writer says when it cannot. */
export function makeMmdbs(...wanted: readonly WantedMmdb[]): void {
	const input = wanted.map(({ built = '2026-11-01T00:00:00Z', type, ipVersion, recordSize, ...rest }) => ({
		type: type ?? 'Test-Country',
		ipVersion: ipVersion ?? 6,
		recordSize: recordSize ?? 24,
		built: Date.parse(built) / 1_000,
		...rest,
	}));
	const { status, stderr, error } = spawnSync('perl', [SCRIPT], { input: JSON.stringify(input), encoding: 'utf8' });
	if (status !== 0) {
		throw new Error(`the writer (apt-get install libmaxmind-db-writer-perl): ${error?.message ?? stderr}`);
	}
}

/** What a record of a country database holds. */
export const inCountry = (code: string, more: object = {}) => ({
	continent: { code: 'XX', names: namesOf(`continent of ${code}`) },
	country: { iso_code: code, geoname_id: 1_000 + code.charCodeAt(0), names: namesOf(`country ${code}`) },
	...more,
});

/** What a record of a city database holds; as long as real ones are. */
export const inCity = (code: string, city: string) =>
	inCountry(code, {
		city: { geoname_id: 5_000, names: namesOf(city) },
		location: { latitude: 1.25, longitude: -2.5, accuracy_radius: 20, time_zone: `Europe/${city}` },
		registered_country: { iso_code: 'US', geoname_id: 6_252_001, names: namesOf('somewhere else') },
		subdivisions: [{ iso_code: 'AB', geoname_id: 7_000, names: namesOf(`part of ${city}`) }],
	});

const namesOf = (text: string) =>
	Object.fromEntries(['de', 'en', 'es', 'fr', 'ja', 'pt-BR', 'ru', 'zh-CN'].map((code) => [code, `${text} (${code})`]));

/** Makes a database file longer by so many bytes that nothing points to, where its data ends. */
export function padMmdb(path: string, bytes: number): void {
	const file = readFileSync(path);
	const marker = file.lastIndexOf(Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'));
	writeFileSync(path, Buffer.concat([file.subarray(0, marker), Buffer.alloc(bytes, 0xa5), file.subarray(marker)]));
}
