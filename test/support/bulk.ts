import type { Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { patternOf } from './peers.ts';

/** Of a prime length, so that a chunk that is lost, repeated or swapped changes what follows. */
const PATTERN = patternOf(1_048_573);

/** Sends so many bytes as fast as they are taken, then FIN; answers their checksum. */
export function sendBulk(socket: Socket, bytes: number): Promise<number> {
	let [left, from, sum] = [bytes, 0, 0];
	return new Promise((resolve) => {
		const pump = (): void => {
			while (left > 0) {
				const chunk = PATTERN.subarray(from, from + Math.min(left, 262_144));
				from = (from + chunk.length) % PATTERN.length;
				left -= chunk.length;
				sum = crc32(chunk, sum);
				if (!socket.write(chunk)) return;
			}
			socket.off('drain', pump);
			socket.end();
			resolve(sum);
		};
		socket.on('drain', pump);
		pump();
	});
}

/** Reads to the FIN; answers how much came, and its checksum. */
export function receiveBulk(socket: Socket): Promise<{ readonly bytes: number; readonly sum: number }> {
	let [bytes, sum] = [0, 0];
	return new Promise((resolve, reject) => {
		socket.on('data', (chunk: Buffer) => {
			bytes += chunk.length;
			sum = crc32(chunk, sum);
		});
		socket.once('end', () => resolve({ bytes, sum }));
		socket.once('error', reject);
	});
}
