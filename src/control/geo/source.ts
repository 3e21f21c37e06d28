import { errorText, SluiceError } from '../../core/errors.ts';
import type { GeoDatabase } from '../../core/snapshot.ts';
import { fileKeyError } from '../config/places.ts';
import type { Config } from '../config/schema.ts';
import { type MmdbFile, readMmdbFile, type TakeMemory } from './mmdb-file.ts';

/** What `geo.database` names, read. */
export type GeoSource = 'embedded' | MmdbFile;

export const databaseOf = (source: GeoSource): GeoDatabase => (source === 'embedded' ? source : source.database);

const freshMemory: TakeMemory = (bytes) => new SharedArrayBuffer(bytes);

/**
 * Reads and checks the database that a configuration names. `version` tells it from every other reading.
 * @throws ConfigError at the place of the key.
 */
export async function readGeoSource(config: Config, version = 1, take: TakeMemory = freshMemory): Promise<GeoSource> {
	const { database } = config.geo;
	if (database === 'embedded') return database;
	try {
		return await readMmdbFile(database, version, take);
	} catch (error) {
		throw fileKeyError(config, ['geo', 'database'], `cannot use ${database}: ${errorText(error)}`);
	}
}

/**
 * Reads and checks a database file given on the command line.
 * @throws SluiceError naming the option.
 */
export async function readGeoOption(path: string | undefined): Promise<GeoDatabase> {
	if (path === undefined) return 'embedded';
	try {
		return databaseOf(await readMmdbFile(path, 1, freshMemory));
	} catch (error) {
		throw new SluiceError('geo-unavailable', `--database: cannot use ${path}: ${errorText(error)}`);
	}
}
