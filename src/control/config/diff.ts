import { isDeepStrictEqual } from 'node:util';
import { backendName } from './compile.ts';
import type { Config } from './schema.ts';

/** Names of what a reload adds, removes and changes, each in file order. */
export interface NameChanges {
	readonly added: readonly string[];
	readonly removed: readonly string[];
	readonly changed: readonly string[];
}

/** What differs between two configurations. Everything is empty when they mean the same. */
export interface ConfigDiff {
	readonly listeners: NameChanges;
	readonly pools: NameChanges;
	/** As `pool/backend`; a change of the pool's own keys is not one of its backends. */
	readonly backends: NameChanges;
	readonly regions: NameChanges;
	/** Changed keys outside of those, e.g. `limits`; `geo.regions` when only their order changed. */
	readonly settings: readonly string[];
	/** Changed keys that take effect only at a restart; a reload that has any is refused. */
	readonly restart: readonly string[];
}

const RESTART_KEYS = ['engine', 'workers', 'state', 'history'] as const;
const SETTING_KEYS = ['log', 'limits', 'drain', 'preStop', 'watch', 'admin', 'alerts'] as const;
const KINDS = ['listeners', 'pools', 'backends', 'regions'] as const;

/** Compares what configurations mean: defaults written out or left out are the same. */
export function diffConfigs(before: Config, after: Config): ConfigDiff {
	return {
		listeners: compare(byName(before.listeners), byName(after.listeners)),
		pools: compare(poolsOf(before), poolsOf(after)),
		backends: compare(backendsOf(before), backendsOf(after)),
		regions: compare(regionsOf(before), regionsOf(after)),
		settings: [
			...SETTING_KEYS.filter((key) => !isDeepStrictEqual(before[key], after[key])),
			...geoSettings(before, after),
		],
		restart: RESTART_KEYS.filter((key) => before[key] !== after[key]),
	};
}

/** Flat fields for one log line; a kind without changes is left out. */
export function diffFields(diff: ConfigDiff): Record<string, string> {
	const fields: Record<string, string> = {};
	for (const kind of KINDS) {
		const text = changesText(diff[kind]);
		if (text !== '') fields[kind] = text;
	}
	if (diff.settings.length > 0) fields.settings = diff.settings.join(' ');
	if (diff.restart.length > 0) fields.restart = diff.restart.join(' ');
	return fields;
}

/** One sentence part for people: `listeners: +game ~chat; backends: -eu/eu-2; settings: limits`, or `no changes`. */
export function describeDiff(diff: ConfigDiff): string {
	const parts = Object.entries(diffFields(diff)).map(([kind, text]) => `${kind}: ${text}`);
	return parts.length === 0 ? 'no changes' : parts.join('; ');
}

const changesText = ({ added, removed, changed }: NameChanges): string =>
	[...added.map((name) => `+${name}`), ...removed.map((name) => `-${name}`), ...changed.map((name) => `~${name}`)].join(
		' ',
	);

type Named = ReadonlyMap<string, unknown>;

function compare(before: Named, after: Named): NameChanges {
	return {
		added: [...after.keys()].filter((name) => !before.has(name)),
		removed: [...before.keys()].filter((name) => !after.has(name)),
		changed: [...after.keys()].filter(
			(name) => before.has(name) && !isDeepStrictEqual(before.get(name), after.get(name)),
		),
	};
}

const byName = (items: readonly { readonly name: string }[]): Named => new Map(items.map((item) => [item.name, item]));

const poolsOf = ({ pools }: Config): Named => new Map(pools.map(({ backends: _, ...own }) => [own.name, own]));

const backendsOf = ({ pools }: Config): Named =>
	new Map(pools.flatMap((pool) => pool.backends.map((backend) => [`${pool.name}/${backendName(backend)}`, backend])));

const regionsOf = ({ geo }: Config): Named => new Map(Object.entries(geo.regions));

function geoSettings({ geo: before }: Config, { geo: after }: Config): string[] {
	const keys = [];
	if (before.database !== after.database) keys.push('geo.database');
	if (!isDeepStrictEqual(before.overrides, after.overrides)) keys.push('geo.overrides');
	const names = Object.keys(before.regions);
	const order = Object.keys(after.regions);
	const sameNames = isDeepStrictEqual(names.toSorted(), order.toSorted());
	// A country in two regions belongs to the first of them.
	if (sameNames && !isDeepStrictEqual(names, order)) keys.push('geo.regions');
	return keys;
}
