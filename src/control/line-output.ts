import type { Writable } from 'node:stream';

/** Bytes that may wait in memory for a reader that does not read; what comes on top is dropped and counted. */
export const MAX_WAITING_BYTES = 256 * 1024;

/**
 * Lines to a stream whose reader may be slow, stuck or gone. Never blocks on a pipe, never keeps more
 * than a bounded buffer, and outlives its reader: after EPIPE lines go nowhere.
 */
export class LineOutput {
	private readonly stream: Writable;
	private state: 'open' | 'broken' = 'open';
	private lost = 0;

	constructor(stream: Writable) {
		this.stream = stream;
		stream.on('error', () => {
			this.state = 'broken';
		});
	}

	/** The reader is behind: what can wait elsewhere should. */
	get blocked(): boolean {
		return this.state === 'open' && this.stream.writableNeedDrain;
	}

	write(line: string): void {
		if (this.state === 'broken') return;
		if (this.stream.writableLength > MAX_WAITING_BYTES) {
			this.lost += 1;
			return;
		}
		try {
			this.stream.write(line);
		} catch {
			// Files are written at once, and a full disk throws.
			this.lost += 1;
		}
	}

	/** Lines dropped since the last call. */
	takeLost(): number {
		const { lost } = this;
		this.lost = 0;
		return lost;
	}

	/** Resolves when all is with the kernel, the reader is gone, or the time is over. */
	async flush(withinMs: number): Promise<void> {
		const deadline = Date.now() + withinMs;
		while (this.state === 'open' && this.stream.writableLength > 0 && Date.now() < deadline) {
			await new Promise((resolve) => setTimeout(resolve, 5));
		}
	}
}
