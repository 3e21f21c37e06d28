import { NS_PER_MS, NS_PER_SECOND } from '../../../src/core/units.ts';
import { EPOLLIN, EPOLLOUT, MSG_NOSIGNAL } from '../../../src/engine/epoll/layouts.ts';
import type { NativeBuffer } from '../../../src/engine/epoll/libc.ts';
import type { FdOwner } from '../../../src/engine/epoll/poller.ts';
import { type LatencySummary, latencySummary } from '../stats.ts';
import type { Load } from './load.ts';
import type { Sockets } from './sockets.ts';
import { Ticker } from './ticker.ts';
import { MODE, MOST_PING_BYTES } from './wire.ts';

/** Questions of one connection that may be on their way at once. */
const MOST_PENDING = 4_096;

/** One connection: when each question on its way was due, as a ring, and how much of the answers has come. */
interface Line {
	readonly fd: number;
	readonly dueMs: Float64Array;
	head: number;
	pending: number;
	gotBytes: number;
}

/**
 * Messages at a fixed rate, in turn over long connections, whether or not the answers to earlier ones have come:
 * a proxy that stalls does not slow the load down. Latency counts from when a message was due, not from when it
 * was sent. Work is round trips.
 */
export class PacedLoad implements Load, FdOwner {
	work = 0;
	errors = 0;
	readonly #sockets: Sockets;
	readonly #bytes: number;
	readonly #connections: number;
	readonly #periodMs: number;
	readonly #message: NativeBuffer;
	readonly #answer: NativeBuffer;
	readonly #lines: Line[] = [];
	readonly #byFd: (Line | null)[] = [];
	#next = 0;
	/** When the timer was set, and how often it has ticked since: together they say when a message is due. */
	#setMs = 0;
	#ticks = 0;
	#latencies = new Float64Array(1 << 16);
	#measured = 0;
	#measuring = false;

	constructor(sockets: Sockets, bytes: number, connections: number, perSecond: number) {
		this.#sockets = sockets;
		this.#bytes = bytes;
		this.#connections = connections;
		// In whole nanoseconds, as the timer counts.
		this.#periodMs = Math.round(NS_PER_SECOND / perSecond) / NS_PER_MS;
		this.#message = sockets.filled(bytes, MODE.echo);
		this.#answer = sockets.libc.allocate(MOST_PING_BYTES);
	}

	start(): void {
		const { poller, libc } = this.#sockets;
		for (let i = 0; i < this.#connections; i++) poller.add(this.#sockets.connectLong(), EPOLLOUT, this);
		this.#setMs = performance.now();
		const ticker = new Ticker(libc, this.#periodMs * NS_PER_MS, (ticks) => this.#tick(ticks));
		poller.add(ticker.fd, EPOLLIN, ticker);
	}

	beginWindow(): void {
		this.#measuring = true;
	}

	latency(): LatencySummary {
		return latencySummary(this.#latencies.subarray(0, this.#measured));
	}

	onEvents(fd: number): void {
		const line = this.#byFd[fd];
		if (!line) return this.#begin(fd);
		const got = this.#sockets.libc.recv(fd, this.#answer, 0, MOST_PING_BYTES, 0);
		if (got <= 0) throw new Error('a paced connection was lost');
		const nowMs = performance.now();
		line.gotBytes += got;
		for (; line.gotBytes >= this.#bytes; line.gotBytes -= this.#bytes) this.#answered(line, nowMs);
	}

	#begin(fd: number): void {
		const { poller } = this.#sockets;
		const line = { fd, dueMs: new Float64Array(MOST_PENDING), head: 0, pending: 0, gotBytes: 0 };
		this.#lines.push(line);
		this.#byFd[fd] = line;
		poller.remove(fd);
		poller.add(fd, EPOLLIN, this);
	}

	#tick(ticks: number): void {
		const before = this.#ticks;
		this.#ticks += ticks;
		if (this.#lines.length < this.#connections) return;
		for (let tick = before + 1; tick <= this.#ticks; tick++) {
			const line = this.#lines[this.#next];
			this.#next = (this.#next + 1) % this.#lines.length;
			if (line !== undefined) this.#ask(line, this.#setMs + tick * this.#periodMs);
		}
	}

	#ask(line: Line, dueMs: number): void {
		if (line.pending === MOST_PENDING) {
			this.errors += 1;
			return;
		}
		const sent = this.#sockets.libc.send(line.fd, this.#message, 0, this.#bytes, MSG_NOSIGNAL);
		if (sent !== this.#bytes) {
			if (sent > 0) throw new Error('a message went out in part');
			this.errors += 1;
			return;
		}
		line.dueMs[(line.head + line.pending) % MOST_PENDING] = dueMs;
		line.pending += 1;
	}

	#answered(line: Line, nowMs: number): void {
		const dueMs = line.dueMs[line.head] ?? nowMs;
		line.head = (line.head + 1) % MOST_PENDING;
		line.pending -= 1;
		this.work += 1;
		if (this.#measuring) this.#note(nowMs - dueMs);
	}

	#note(latencyMs: number): void {
		if (this.#measured === this.#latencies.length) {
			const larger = new Float64Array(this.#measured * 2);
			larger.set(this.#latencies);
			this.#latencies = larger;
		}
		this.#latencies[this.#measured] = latencyMs;
		this.#measured += 1;
	}
}
