import type { MmdbDatabase } from '../../core/snapshot.ts';
import { FileFault, readRegularFile } from '../regular-file.ts';
import { checkMmdb, type MmdbFacts, MmdbFault } from './mmdb.ts';

/** A database file that was read and found good. */
export interface MmdbFile {
	/** Absolute. */
	readonly path: string;
	/** Which state of the file was read, see `stampOf`. */
	readonly stamp: string;
	readonly facts: MmdbFacts;
	readonly database: MmdbDatabase;
}

const MAX_BYTES = 2 * 1024 ** 3;

/** Shared memory for so many bytes; may be larger. */
export type TakeMemory = (bytes: number) => SharedArrayBuffer;

/**
 * Reads a database file into shared memory and checks it. `version` tells it from every other reading.
 * @throws MmdbFault whatever is wrong with it.
 */
export async function readMmdbFile(path: string, version: number, take: TakeMemory): Promise<MmdbFile> {
	const { bytes, stamp } = await readWhole(path, take);
	return { path, stamp, facts: checkMmdb(bytes), database: { type: 'mmdb', version, bytes } };
}

async function readWhole(path: string, take: TakeMemory) {
	try {
		return await readRegularFile(path, MAX_BYTES, take);
	} catch (error) {
		if (error instanceof FileFault) throw new MmdbFault(error.message);
		throw error;
	}
}
