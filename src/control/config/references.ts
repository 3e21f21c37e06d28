import { formatTarget } from '../../core/address.ts';
import { checkAdmin } from './admin-references.ts';
import { checkAlerts } from './alert-references.ts';
import { absoluteTarget, checkBinds, checkUnixPath } from './bind-references.ts';
import { REGION_NAME_PATTERN } from './fields.ts';
import { checkTls } from './tls-references.ts';
import { parseDuration } from './units.ts';
import { quote, unknown } from './wording.ts';
import { isRecord, list, names, record, text, type Written } from './written.ts';
import type { Finding } from './yaml-document.ts';

type Path = readonly PropertyKey[];

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
		...checkOverflow(top, listeners),
		...checkBinds(listeners, folder),
		...listeners.flatMap((listener, i) => checkListener(listener, ['listeners', i], { pools: names(pools), regions })),
		...pools.flatMap((pool, i) => checkPool(pool, ['pools', i], folder)),
		...checkTls(record(top.limits), listeners, pools),
		...checkAdmin(top),
		...twice(
			list(top.alerts).map((alert) => record(alert).name),
			'alert',
			(i) => ['alerts', i, 'name'],
		),
		...checkAlerts(list(top.alerts).map(record), { listeners, pools, regions, folder }),
	];
}

interface Known {
	readonly pools: readonly string[];
	readonly regions: readonly string[];
}

/** Node's runtime accepts by itself: nothing can wait in the kernel's queue. */
function checkOverflow(top: Written, listeners: readonly Written[]) {
	if (top.engine !== 'node') return [];
	const places: Path[] = [['limits', 'overflow'], ...listeners.map((_, i) => ['listeners', i, 'overflow'])];
	const values = [record(top.limits).overflow, ...listeners.map(({ overflow }) => overflow)];
	const waiting = places.filter((_, i) => values[i] === 'wait');
	return waiting.map((path): Finding => ({ path, message: 'wait needs the epoll engine, this is engine: node' }));
}

function checkRegions(regions: Written): Finding[] {
	return Object.entries(regions).flatMap(([name, value]) => {
		const path = ['geo', 'regions', name];
		const { countries, continents } = record(value);
		const faults = [];
		if (!new RegExp(REGION_NAME_PATTERN).test(name)) {
			faults.push(
				`${quote(name)} is not a region's name: a letter, then letters, digits, dots, dashes, underscores, up to 64`,
			);
		}
		if (isRecord(value) && isAbsentOrEmpty(countries) && isAbsentOrEmpty(continents)) {
			faults.push('has no countries: name countries or continents');
		}
		return faults.map((message) => ({ path, message, onKey: true }));
	});
}

function checkListener(listener: Written, at: Path, known: Known): Finding[] {
	const access = record(listener.access);
	return [
		...['allow', 'deny'].flatMap((key) =>
			missing(record(access[key]).regions, 'region', known.regions, [...at, 'access', key, 'regions']),
		),
		...checkAllow(access.allow, [...at, 'access', 'allow']),
		...checkPerClient(listener, [...at, 'perClient']),
		...list(listener.routes).flatMap((value, i) => checkRoute(record(value), [...at, 'routes', i], known)),
	];
}

function checkAllow(allow: unknown, at: Path): Finding[] {
	const lists = record(allow);
	if (!isRecord(allow) || !['networks', 'countries', 'regions'].every((key) => isAbsentOrEmpty(lists[key]))) return [];
	return [{ path: at, message: 'lets nobody in: name networks, countries or regions, or leave it out', onKey: true }];
}

/** Its prefix and table size also serve the buckets of clients. */
function checkPerClient({ perClient, shaping }: Written, at: Path): Finding[] {
	const limits = record(perClient);
	if (!isRecord(perClient) || limits.maxConnections !== undefined || limits.rate !== undefined) return [];
	const { upload, download } = record(shaping);
	if (record(upload).client !== undefined || record(download).client !== undefined) return [];
	return [{ path: at, message: 'limits nothing: give maxConnections or rate, or leave it out', onKey: true }];
}

function checkRoute(route: Written, at: Path, known: Known): Finding[] {
	return [
		...missing(record(route.match).regions, 'region', known.regions, [...at, 'match', 'regions']),
		...missing(route.to, 'pool', known.pools, [...at, 'to']),
		...twice(list(route.to), 'pool', (i) => [...at, 'to', i]),
	];
}

function checkPool(pool: Written, at: Path, folder: string): Finding[] {
	const backends = list(pool.backends).map(record);
	const targets = backends.map((backend) => absoluteTarget(backend.address, folder));
	const called = backends.map(({ name }, i) => {
		const target = targets[i] ?? null;
		return name ?? (target === null ? null : formatTarget(target));
	});
	const keyOf = (i: number): string => (backends[i]?.name === undefined ? 'address' : 'name');
	return [
		...twice(called, 'backend', (i) => [...at, 'backends', i, keyOf(i)]),
		...targets.flatMap((target, i) => checkUnixPath(target, [...at, 'backends', i, 'address'])),
		...checkBackoff(record(pool.retries), [...at, 'retries']),
		...checkProbe(record(record(pool.health).active), [...at, 'health', 'active']),
		...twice(list(pool.proxyTlvs), 'TLV', (i) => [...at, 'proxyTlvs', i]),
	];
}

/** The defaults count too: `backoff: 5s` alone exceeds the default `maxBackoff`. */
function checkBackoff(retries: Written, at: Path): Finding[] {
	const backoff = parseDuration(text(retries.backoff) ?? '100ms');
	const most = parseDuration(text(retries.maxBackoff) ?? '2s');
	if (!backoff.ok || !most.ok || backoff.value <= most.value) return [];
	const key = retries.backoff === undefined ? 'maxBackoff' : 'backoff';
	return [{ path: [...at, key], message: 'backoff must not be longer than maxBackoff (2s when left out)' }];
}

/** Which kind of probe has which keys. */
const PROBE_KEYS = [
	['path', 'http'],
	['status', 'http'],
	['steps', 'script'],
] as const;

function checkProbe(active: Written, at: Path): Finding[] {
	const strays = PROBE_KEYS.filter(([key, type]) => active[key] !== undefined && active.type !== type).map(
		([key, type]): Finding => ({ path: [...at, key], message: `is only for type: ${type}`, onKey: true }),
	);
	if (active.type !== 'script' || active.steps !== undefined) return strays;
	return [...strays, { path: [...at, 'type'], message: 'script needs steps' }];
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
		return [{ path: pathOf(i), message: `${what} ${quote(value)} is there twice` }];
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

const isAbsentOrEmpty = (value: unknown): boolean =>
	value === undefined || (Array.isArray(value) && value.length === 0);
