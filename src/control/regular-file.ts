import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { fileFault } from './file-faults.ts';

/** Why a file cannot be read, in words. */
export class FileFault extends Error {}

export interface FileContents<Memory extends ArrayBufferLike> {
	readonly bytes: Uint8Array<Memory>;
	/** Which state of the file was read, see `stampOf`. */
	readonly stamp: string;
}

/** So much at a time, so that other work gets its turn. */
const CHUNK_BYTES = 8 * 1024 * 1024;

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
 * Reads a whole file into memory that is taken for it.
 * @throws FileFault whatever hinders it: it is missing, no regular file, larger than that, or changes meanwhile.
 */
export async function readRegularFile<Memory extends ArrayBufferLike>(
	path: string,
	maxBytes: number,
	take: (bytes: number) => Memory,
): Promise<FileContents<Memory>> {
	try {
		// Before it is opened: opening a pipe waits for its writer.
		refuseOddities(await stat(path, { bigint: true }), maxBytes);
		const file = await open(path, 'r');
		try {
			return await readOpen(file, maxBytes, take);
		} finally {
			await file.close();
		}
	} catch (error) {
		if (error instanceof FileFault) throw error;
		throw new FileFault(fileFault(error));
	}
}

async function readOpen<Memory extends ArrayBufferLike>(
	file: FileHandle,
	maxBytes: number,
	take: (bytes: number) => Memory,
): Promise<FileContents<Memory>> {
	const before = await file.stat({ bigint: true });
	refuseOddities(before, maxBytes);
	const size = Number(before.size);
	const bytes = new Uint8Array(take(size), 0, size);
	for (let at = 0; at < size; ) {
		const { bytesRead } = await file.read(bytes, at, Math.min(CHUNK_BYTES, size - at), at);
		if (bytesRead === 0) break;
		at += bytesRead;
	}
	const stamp = stampText(before);
	if (stampText(await file.stat({ bigint: true })) !== stamp) throw new FileFault('it changed while it was read');
	return { bytes, stamp };
}

function refuseOddities(stats: BigIntStats, maxBytes: number): void {
	if (stats.isDirectory()) throw new FileFault('it is a directory');
	if (!stats.isFile()) throw new FileFault('it is not a regular file');
	if (stats.size > maxBytes) throw new FileFault(`it is larger than ${sizeText(maxBytes)}`);
}

const sizeText = (bytes: number): string =>
	bytes >= 1024 ** 3 ? `${bytes / 1024 ** 3} GiB` : `${Math.round(bytes / 1024)} KiB`;
