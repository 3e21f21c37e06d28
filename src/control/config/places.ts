import { ConfigError, type ConfigProblem } from '../../core/errors.ts';
import { formatPath } from './findings.ts';
import type { Config } from './schema.ts';
import { tlsFileKeys } from './tls-files.ts';

type Path = readonly PropertyKey[];
type Place = Pick<ConfigProblem, 'file' | 'line' | 'column'>;

/** Keys that name files, whose contents are looked at after the configuration itself was found good. */
const fileKeys = (config: Config): readonly Path[] => [
	['geo', 'database'],
	...tlsFileKeys(config),
	...adminFileKeys(config),
	...config.alerts.map((_, at) => ['alerts', at, 'webhook']),
];

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
