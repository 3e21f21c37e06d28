import { isAbsolute } from 'node:path';
import { ConfigError, type ConfigProblem } from '../../core/errors.ts';
import { formatPath } from './findings.ts';
import type { Config } from './schema.ts';
import { tlsFileKeys } from './tls-files.ts';

type Path = readonly PropertyKey[];
type Place = Pick<ConfigProblem, 'file' | 'line' | 'column'>;

/** Keys that name files, whose contents are looked at after the configuration itself was found good. */
const fileKeys = (config: Config): readonly Path[] => [...followedKeys(config), ...restingKeys(config)];

/** Of files that are looked at while they are in use. */
const followedKeys = (config: Config): readonly Path[] => [['geo', 'database'], ...tlsFileKeys(config)];

/** Of files that nobody looks at but a start or a reload. */
const restingKeys = (config: Config): readonly Path[] => [
	...adminFileKeys(config),
	...config.alerts.map((_, at) => ['alerts', at, 'webhook']),
];

export interface NamedFile {
	readonly path: string;
	/** It is read again when it changes, without a reload. */
	readonly followed: boolean;
}

/** Every file that a configuration names and that is read for it. */
export function namedFiles(config: Config): NamedFile[] {
	const pathsAt = (keys: readonly Path[]): string[] => keys.flatMap((key) => filePath(valueAt(config, key)) ?? []);
	return [
		...pathsAt(followedKeys(config)).map((path) => ({ path, followed: true })),
		...pathsAt(restingKeys(config)).map((path) => ({ path, followed: false })),
	];
}

const valueAt = (from: unknown, path: Path): unknown =>
	path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], from);

/** Paths are absolute; secrets say where they stand. */
function filePath(value: unknown): string | null {
	if (typeof value === 'string') return isAbsolute(value) ? value : null;
	const { from, path } = (value ?? {}) as { readonly from?: unknown; readonly path?: unknown };
	return from === 'file' && typeof path === 'string' ? path : null;
}

const adminFileKeys = ({ admin }: Config): readonly Path[] => [
	...(admin?.tokens ?? []).map((_, at) => ['admin', 'tokens', at, 'token']),
	['admin', 'tls', 'cert'],
	['admin', 'tls', 'key'],
];

const NO_FILE: Place = { file: 'configuration', line: 0, column: 0 };

const placesOf = new WeakMap<Config, ReadonlyMap<string, Place>>();

/** Remembers where such keys are written, for as long as the configuration lives. */
export function rememberPlaces(config: Config, locate: (path: Path) => Place): void {
	placesOf.set(config, new Map(fileKeys(config).map((path) => [formatPath(path), locate(path)])));
}

/** What is wrong with a file that the configuration names, told at the place of the key. */
export function fileKeyProblem(config: Config, path: Path, message: string): ConfigProblem {
	const key = formatPath(path);
	const place = placesOf.get(config)?.get(key) ?? NO_FILE;
	return { ...place, path: key, message };
}

export const fileKeyError = (config: Config, path: Path, message: string): ConfigError =>
	new ConfigError([fileKeyProblem(config, path, message)]);
