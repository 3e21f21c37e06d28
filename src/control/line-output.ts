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
	/** A file that is full takes the begin of a piece and says nothing: its lines are written one by one. */
	private readonly joins: boolean;
	/** Lines that wait to go together, and how many; null: each goes by itself. */
	private piece: string | null = null;
	private pieceLines = 0;
	/** While `failing`: when the next line may be tried; Infinity while one is under way. */
	private retryAtMs = 0;

	constructor(stream: Writable, nowMs: () => number = Date.now, joins = true) {
		this.stream = stream;
		this.nowMs = nowMs;
		this.joins = joins;
		stream.on('error', (error: NodeJS.ErrnoException) => this.failed(error));
	}

	/** The reader is behind, or there is no room: what can wait elsewhere should. */
	get blocked(): boolean {
		if (this.state === 'failing') return this.nowMs() < this.retryAtMs;
		return this.state === 'open' && this.stream.writableNeedDrain;
	}

	/** Lines of this while are written in few pieces. */
	together<T>(run: () => T): T {
		if (!this.joins) return run();
		this.piece = '';
		try {
			return run();
		} finally {
			this.writePiece();
			this.piece = null;
		}
	}

	write(line: string): void {
		if (this.state === 'gone') return;
		if (this.stream.writableLength > MAX_WAITING_BYTES || (this.state === 'failing' && this.blocked)) {
			this.lost += 1;
			return;
		}
		this.retryAtMs = Number.POSITIVE_INFINITY;
		if (this.piece === null) return this.send(line, 1);
		this.piece += line;
		this.pieceLines += 1;
		// Before they are so many that the stream would take its reader to be behind.
		if (this.piece.length >= this.stream.writableHighWaterMark / 2) this.writePiece();
	}

	private writePiece(): void {
		const [piece, lines] = [this.piece ?? '', this.pieceLines];
		this.piece = '';
		this.pieceLines = 0;
		if (lines > 0) this.send(piece, lines);
	}

	private send(text: string, lines: number): void {
		const written = (error: unknown): void => this.written(error, lines);
		try {
			this.stream.write(text, written);
		} catch (error) {
			written(error);
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

	/** What became of so many lines. */
	private written(error: unknown, lines: number): void {
		if (error instanceof Error) this.lost += lines;
		else if (this.state === 'failing') this.state = 'open';
	}

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
