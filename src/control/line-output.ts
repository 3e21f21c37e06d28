import type { Writable } from 'node:stream';

/** Bytes that may wait in memory for a reader that does not read; what comes on top is dropped and counted. */
export const MAX_WAITING_BYTES = 256 * 1024;
/** How long after a failed write (a full disk) the next line is tried. */
export const RETRY_MS = 1_000;

/**
 * `failing`: the last write failed, one line at a time is tried now and then. `gone`: nobody will ever read again.
 */
type State = 'open' | 'failing' | 'gone';

/**
 * Lines to a stream whose reader may be slow, stuck or gone, or whose disk may be full. Never blocks on a pipe, never
 * keeps more than a bounded buffer, and never fails: what cannot be written is lost and counted, and after EPIPE lines
 * go nowhere.
 */
export class LineOutput {
	private readonly stream: Writable;
	private readonly nowMs: () => number;
	private state: State = 'open';
	private lost = 0;
	/** Lines are held back, to go together. */
	private gathering = false;
	/** While `failing`: when the next line may be tried; Infinity while one is under way. */
	private retryAtMs = 0;

	constructor(stream: Writable, nowMs: () => number = Date.now) {
		this.stream = stream;
		this.nowMs = nowMs;
		stream.on('error', (error: NodeJS.ErrnoException) => this.failed(error));
	}

	/** The reader is behind, or there is no room: what can wait elsewhere should. */
	get blocked(): boolean {
		if (this.state === 'failing') return this.nowMs() < this.retryAtMs;
		return this.state === 'open' && this.stream.writableNeedDrain;
	}

	/** Lines of this while are written in few pieces; each still has its own fate. */
	together<T>(run: () => T): T {
		this.gathering = true;
		this.stream.cork();
		try {
			return run();
		} finally {
			this.gathering = false;
			this.stream.uncork();
		}
	}

	write(line: string): void {
		if (this.state === 'gone') return;
		if (this.stream.writableLength > MAX_WAITING_BYTES || (this.state === 'failing' && this.blocked)) {
			this.lost += 1;
			return;
		}
		this.retryAtMs = Number.POSITIVE_INFINITY;
		try {
			this.stream.write(line, this.written);
			if (this.gathering && this.stream.writableLength >= this.stream.writableHighWaterMark / 2) this.writePiece();
		} catch (error) {
			this.written(error);
			this.failed(error as NodeJS.ErrnoException);
		}
	}

	/** Writing fails now; what was lost is better told later. */
	get failing(): boolean {
		return this.state === 'failing';
	}

	/** Lines dropped since the last call. */
	takeLost(): number {
		const { lost } = this;
		this.lost = 0;
		return lost;
	}

	/** Resolves when all is with the kernel, the reader is gone, another try is due, or the time is over. */
	async flush(withinMs: number): Promise<void> {
		const deadline = Date.now() + withinMs;
		const waits = (): boolean =>
			this.state === 'failing' ? this.blocked : this.state === 'open' && this.stream.writableLength > 0;
		while (waits() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
	}

	/** Before they are so many that the stream would take its reader to be behind. */
	private writePiece(): void {
		this.stream.uncork();
		this.stream.cork();
	}

	/** What became of one line. */
	private readonly written = (error: unknown): void => {
		if (error instanceof Error) this.lost += 1;
		else if (this.state === 'failing') this.state = 'open';
	};

	private failed(error: NodeJS.ErrnoException): void {
		// A process's own standard output is never destroyed; another stream is no use any more.
		if (error.code === 'EPIPE' || this.stream.destroyed) {
			this.state = 'gone';
			return;
		}
		this.state = 'failing';
		this.retryAtMs = this.nowMs() + RETRY_MS;
	}
}
