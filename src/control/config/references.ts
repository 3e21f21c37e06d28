import { resolve } from 'node:path';
import { formatTarget, type SocketTarget } from '../../core/address.ts';
import { parseAddress, parseBind } from './address.ts';
import { unknown } from './fields.ts';
import { type Parsed, parseDuration, quote } from './units.ts';
import type { Finding } from './yaml-document.ts';

type Path = readonly PropertyKey[];

/** Bytes of `sun_path` that a path may fill, unix(7). */
const MAX_UNIX_PATH_BYTES = 107;

/**
 * Faults between keys: names used twice, names that nothing has, addresses used twice. Works on what was written,
 * whatever its shape, so that it can run beside the schema; what has the wrong shape is left to the schema.
 */
export function checkReferences(root: unknown, folder: string): Finding[] {
	const top = record(root);
	const listeners = list(top.listeners).map(record);
	const pools = list(top.pools).map(record);
	const regions = Object.keys(record(record(top.geo).regions));
	return [
		...checkRegions(record(record(top.geo).regions)),
		...twice(
			listeners.map((listener) => listener.name),
			'listener',
			(i) => ['listeners', i, 'name'],
		),
		...twice(
			pools.map((pool) => pool.name),
			'pool',
			(i) => ['pools', i, 'name'],
		),
		...checkBinds(listeners, folder),
		...listeners.flatMap((listener, i) => checkListener(listener, ['listeners', i], { pools: names(pools), regions })),
		...pools.flatMap((pool, i) => checkPool(pool, ['pools', i], folder)),
	];
}

interface Known {
	readonly pools: readonly string[];
	readonly regions: readonly string[];
}

function checkRegions(regions: Readonly<Record<string, unknown>>): Finding[] {
	return Object.entries(regions).flatMap(([name, value]) => {
		const region = record(value);
		const empty = isAbsentOrEmpty(region.countries) && isAbsentOrEmpty(region.continents);
		if (!empty || !isRecord(value)) return [];
		return [{ path: ['geo', 'regions', name], message: 'has no countries: name countries or continents', onKey: true }];
	});
}

function checkListener(listener: Readonly<Record<string, unknown>>, at: Path, known: Known): Finding[] {
	const access = record(listener.access);
	return [
		...['allow', 'deny'].flatMap((key) =>
			missing(record(access[key]).regions, 'region', known.regions, [...at, 'access', key, 'regions']),
		),
		...checkAllow(access.allow, [...at, 'access', 'allow']),
		...checkPerClient(listener.perClient, [...at, 'perClient']),
		...list(listener.routes).flatMap((value, i) => checkRoute(record(value), [...at, 'routes', i], known)),
	];
}

function checkAllow(allow: unknown, at: Path): Finding[] {
	const lists = record(allow);
	if (!isRecord(allow) || !['networks', 'countries', 'regions'].every((key) => isAbsentOrEmpty(lists[key]))) return [];
	return [{ path: at, message: 'lets nobody in: name networks, countries or regions, or leave it out', onKey: true }];
}

function checkPerClient(value: unknown, at: Path): Finding[] {
	const limits = record(value);
	if (!isRecord(value) || limits.maxConnections !== undefined || limits.rate !== undefined) return [];
	return [{ path: at, message: 'limits nothing: give maxConnections or rate, or leave it out', onKey: true }];
}

function checkRoute(route: Readonly<Record<string, unknown>>, at: Path, known: Known): Finding[] {
	return [
		...missing(record(route.match).regions, 'region', known.regions, [...at, 'match', 'regions']),
		...missing(route.to, 'pool', known.pools, [...at, 'to']),
		...twice(list(route.to), 'pool', (i) => [...at, 'to', i]),
	];
}

function checkPool(pool: Readonly<Record<string, unknown>>, at: Path, folder: string): Finding[] {
	const backends = list(pool.backends).map(record);
	const unnamed = backends.map((backend) => backend.name ?? addressText(backend.address, folder));
	return [
		...twice(unnamed, 'backend', (i) => [...at, 'backends', i, backends[i]?.name === undefined ? 'address' : 'name']),
		...backends.flatMap((backend, i) =>
			checkUnixPath(backend.address, parseAddress, folder, [...at, 'backends', i, 'address']),
		),
		...checkBackoff(record(pool.retries), [...at, 'retries']),
	];
}

/** The defaults count too: `backoff: 5s` alone exceeds the default `maxBackoff`. */
function checkBackoff(retries: Readonly<Record<string, unknown>>, at: Path): Finding[] {
	const backoff = parseDuration(text(retries.backoff) ?? '100ms');
	const most = parseDuration(text(retries.maxBackoff) ?? '2s');
	if (!backoff.ok || !most.ok || backoff.value <= most.value) return [];
	const key = retries.backoff === undefined ? 'maxBackoff' : 'backoff';
	return [{ path: [...at, key], message: 'backoff must not be longer than maxBackoff (2s when left out)' }];
}

/** No two binds may be one address; port 0 is a different port each time, but not twice in one listener. */
function checkBinds(listeners: readonly Readonly<Record<string, unknown>>[], folder: string): Finding[] {
	const seen = new Map<string, string>();
	return listeners.flatMap((listener, i) =>
		bindEntries(listener.bind, ['listeners', i, 'bind']).flatMap(({ value, path }) => {
			const address = addressText(value, folder);
			if (address === null) return [];
			const key = address.endsWith(':0') ? `${i} ${address}` : address;
			const owner = seen.get(key);
			if (owner !== undefined) return [{ path, message: `${address} is already bound by ${owner}` }];
			seen.set(key, formatOwner(listener.name, i));
			return checkUnixPath(value, parseBind, folder, path);
		}),
	);
}

const formatOwner = (name: unknown, index: number): string => `listener ${text(name) ?? index + 1}`;

function bindEntries(bind: unknown, at: Path): { value: unknown; path: Path }[] {
	if (!Array.isArray(bind)) return [{ value: bind, path: at }];
	return bind.map((value: unknown, i) => ({ value, path: [...at, i] }));
}

function checkUnixPath(
	value: unknown,
	parse: (text: string) => Parsed<SocketTarget>,
	folder: string,
	path: Path,
): Finding[] {
	const result = parse(text(value) ?? '');
	if (!result.ok || result.value.type !== 'unix') return [];
	const bytes = Buffer.byteLength(resolve(folder, result.value.path));
	if (bytes <= MAX_UNIX_PATH_BYTES) return [];
	return [{ path, message: `the path has ${bytes} bytes, a unix socket's at most ${MAX_UNIX_PATH_BYTES}` }];
}

/** One text per address; null for what is no address. */
function addressText(value: unknown, folder: string): string | null {
	const result = parseAddress(text(value) ?? '');
	if (!result.ok) return null;
	const target = result.value;
	return formatTarget(target.type === 'unix' ? { ...target, path: resolve(folder, target.path) } : target);
}

/** Every text after the first of its kind. */
function twice(values: readonly unknown[], what: string, pathOf: (index: number) => Path): Finding[] {
	const seen = new Set<string>();
	return values.flatMap((value, i) => {
		if (typeof value !== 'string') return [];
		if (!seen.has(value)) {
			seen.add(value);
			return [];
		}
		return [{ path: pathOf(i), message: `${what} ${quote(value)} is named twice` }];
	});
}

/** Every name in a list that is not known. */
function missing(values: unknown, what: string, known: readonly string[], at: Path): Finding[] {
	return list(values).flatMap((value, i) =>
		typeof value === 'string' && !known.includes(value)
			? [{ path: [...at, i], message: unknown(what, value, known) }]
			: [],
	);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);
const record = (value: unknown): Readonly<Record<string, unknown>> => (isRecord(value) ? value : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const isAbsentOrEmpty = (value: unknown): boolean =>
	value === undefined || (Array.isArray(value) && value.length === 0);
const names = (records: readonly Readonly<Record<string, unknown>>[]): string[] =>
	records.flatMap((entry) => text(entry.name) ?? []);
