import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { IpAddress } from '../../core/address.ts';
import { isV4 } from '../../core/address.ts';
import { EXIT, errorText, SluiceError } from '../../core/errors.ts';
import type { GeoLookup } from '../../core/ports.ts';
import { formatAddress } from '../../policy/address.ts';

const COUNTRY_FILES = ['geoip-country.dat', 'geoip-country6.dat'];

const require = createRequire(import.meta.url);

/** The embedded data's: it comes with geoip-lite and has no other. */
export function embeddedGeoVersion(): string {
	const { version }: { readonly version: string } = require('geoip-lite/package.json');
	return version;
}

/** What is used of geoip-lite, which has no types of its own. */
interface Geoip {
	/** IPv4 as a number, IPv6 as text. */
	lookup(address: number | string): { readonly country: string } | null;
}

export interface EmbeddedGeoData {
	/** A folder of this process alone, with the country files and nothing else. */
	readonly dataDir: string;
	/** Removes the folder; a second call does nothing. */
	dispose(): void;
}

/**
 * A data folder for geoip-lite without its city files: the library reads those when it finds them, over 100 MB
 * in each thread, where the countries are 7. The folder's name is new and unguessable and only this user may
 * enter it (mkdtemp), it holds links, and where links are not allowed copies. Throws `SluiceError` when no
 * folder can be made. `openEmbeddedGeo` needs it only while it runs.
 */
export function prepareEmbeddedGeo(parents: readonly string[] = [tmpdir(), '/dev/shm']): EmbeddedGeoData {
	const dataDir = makePrivateFolder(parents);
	const dispose = (): void => rmSync(dataDir, { recursive: true, force: true });
	try {
		const source = join(dirname(require.resolve('geoip-lite/package.json')), 'data');
		for (const file of COUNTRY_FILES) linkOrCopy(join(source, file), join(dataDir, file));
	} catch (cause) {
		dispose();
		throw cannotLoad(cause);
	}
	return { dataDir, dispose };
}

/** In the first of the parents that can be written to: a container's /tmp may be read-only, its /dev/shm seldom is. */
function makePrivateFolder(parents: readonly string[]): string {
	let failure: unknown;
	for (const parent of parents) {
		try {
			return mkdtempSync(join(parent, 'sluice-geo-'));
		} catch (cause) {
			failure = cause;
		}
	}
	throw cannotLoad(failure);
}

function linkOrCopy(source: string, target: string): void {
	try {
		symlinkSync(source, target);
	} catch {
		copyFileSync(source, target);
	}
}

const cannotLoad = (cause: unknown): SluiceError =>
	new SluiceError(
		'geo-unavailable',
		`geo: cannot load the embedded country data: ${errorText(cause)}; it needs geoip-lite's data files and a writable temporary folder (set TMPDIR)`,
		{ exitCode: EXIT.cannotStart, cause },
	);

/**
 * Countries from geoip-lite's embedded data (GeoLite2 by MaxMind), loaded for the calling thread: every worker
 * calls this once. Without `dataDir` it makes a folder for the time of loading, so that nothing has to outlive it: a
 * replacement worker starts as well after the temporary folder was swept. IPv6 is known by its first 64
 * bits. Addresses of no country, private ones among them, are null. Throws `SluiceError` when loading fails.
 */
export function openEmbeddedGeo(dataDir?: string): GeoLookup {
	const own = dataDir === undefined ? prepareEmbeddedGeo() : null;
	try {
		const geoip = loadGeoip(dataDir ?? own?.dataDir ?? '');
		return { country: (address) => countryOf(lookup(geoip, address)) };
	} finally {
		own?.dispose();
	}
}

/** The library would take part of `::ffff:0:0:0/96` for IPv4 (it looks at the text); ::/64 has no country at all. */
function lookup(geoip: Geoip, address: IpAddress): { readonly country: string } | null {
	if (isV4(address)) return geoip.lookup(address.d);
	return address.a === 0 && address.b === 0 ? null : geoip.lookup(formatAddress(address));
}

const LETTERS = 26;
const CODE_A = 65;
/** One text for each pair of letters: the library cuts a new one out of its data each time, which no table knows yet. */
const CODES = Array.from({ length: LETTERS * LETTERS }, (_, i) =>
	String.fromCharCode(CODE_A + Math.floor(i / LETTERS), CODE_A + (i % LETTERS)),
);

function countryOf(found: { readonly country: string } | null): string | null {
	if (found === null || found.country.length !== 2) return null;
	const first = found.country.charCodeAt(0) - CODE_A;
	const second = found.country.charCodeAt(1) - CODE_A;
	const isCode = first >= 0 && first < LETTERS && second >= 0 && second < LETTERS;
	return isCode ? (CODES[first * LETTERS + second] ?? null) : null;
}

/** The library reads its files synchronously when it is first required, from `geodatadir` of the thread's globals. */
function loadGeoip(dataDir: string): Geoip {
	const before = Object.getOwnPropertyDescriptor(globalThis, 'geodatadir');
	Object.defineProperty(globalThis, 'geodatadir', { value: dataDir, configurable: true, writable: true });
	try {
		const geoip: Geoip = require('geoip-lite');
		return geoip;
	} catch (cause) {
		throw cannotLoad(cause);
	} finally {
		if (before === undefined) Reflect.deleteProperty(globalThis, 'geodatadir');
		else Object.defineProperty(globalThis, 'geodatadir', before);
	}
}
