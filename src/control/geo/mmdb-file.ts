import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { MmdbDatabase } from '../../core/snapshot.ts';
import { fileFault } from '../file-faults.ts';
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
/** So much at a time, so that other work gets its turn. */
const CHUNK_BYTES = 8 * 1024 * 1024;

/** Shared memory for so many bytes; may be larger. */
export type TakeMemory = (bytes: number) => SharedArrayBuffer;

/**
 * Which state a file is in: changes when it is written, replaced or its mode is changed. A file that cannot be
 * looked at has a state, too. Never rejects.
 */
export async function stampOf(path: string): Promise<string> {
	try {
		return stampText(await stat(path, { bigint: true }));
	} catch (error) {
		return fileFault(error);
	}
}

const stampText = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
	[dev, ino, size, mtimeNs, ctimeNs].join(' ');

/**
 * Reads a database file into shared memory and checks it. `version` tells it from every other reading.
 * @throws MmdbFault whatever is wrong with it.
 */
export async function readMmdbFile(path: string, version: number, take: TakeMemory): Promise<MmdbFile> {
	const { bytes, stamp } = await readWhole(path, take);
	return { path, stamp, facts: checkMmdb(bytes), database: { type: 'mmdb', version, bytes } };
}

interface Contents {
	readonly bytes: MmdbDatabase['bytes'];
	readonly stamp: string;
}

async function readWhole(path: string, take: TakeMemory): Promise<Contents> {
	try {
		// Before it is opened: opening a pipe waits for its writer.
		refuseOddities(await stat(path, { bigint: true }));
		const file = await open(path, 'r');
		try {
			return await readOpen(file, take);
		} finally {
			await file.close();
		}
	} catch (error) {
		if (error instanceof MmdbFault) throw error;
		throw new MmdbFault(fileFault(error));
	}
}

async function readOpen(file: FileHandle, take: TakeMemory): Promise<Contents> {
	const before = await file.stat({ bigint: true });
	refuseOddities(before);
	const size = Number(before.size);
	const bytes = new Uint8Array(take(size), 0, size);
	for (let at = 0; at < size; ) {
		const { bytesRead } = await file.read(bytes, at, Math.min(CHUNK_BYTES, size - at), at);
		if (bytesRead === 0) break;
		at += bytesRead;
	}
	const stamp = stampText(before);
	if (stampText(await file.stat({ bigint: true })) !== stamp) throw new MmdbFault('it changed while it was read');
	return { bytes, stamp };
}

function refuseOddities(stats: BigIntStats): void {
	if (stats.isDirectory()) throw new MmdbFault('it is a directory');
	if (!stats.isFile()) throw new MmdbFault('it is not a regular file');
	if (stats.size > MAX_BYTES) throw new MmdbFault(`it is larger than ${MAX_BYTES / 1024 ** 3} GiB`);
}
