import { connectFailureOf } from '../../core/connect-failure.ts';
import type { RelayGates, SessionEvent } from '../../core/session-io.ts';
import type { BackendSnapshot, KeepAlive, PoolSnapshot } from '../../core/snapshot.ts';
import type { Side } from '../../core/units.ts';
import type { Shell } from '../driver.ts';
import { Meter } from '../meter.ts';
import { ERRNO, errnoName } from './errno.ts';
import { AGAIN, ENDED, Flow, HELD_BACK, type PumpResult, SOURCE_LOST, TARGET_LOST } from './flow.ts';
import {
	EPOLLERR,
	EPOLLET,
	EPOLLHUP,
	EPOLLIN,
	EPOLLOUT,
	EPOLLRDHUP,
	MSG_PEEK,
	SHUT_WR,
	SO_ERROR,
	SOL_SOCKET,
} from './layouts.ts';
import type { FdOwner } from './poller.ts';
import { CLOSED, CONNECTED, EARLY_BYTES, EOF, FLUSHED, RELAY_ENDED, RESET } from './session-events.ts';
import type { Tools } from './tools.ts';
import { openUpstream, tuneUpstream } from './upstream.ts';

/** What a connected socket is watched for, registered once. */
export const WATCHED = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
const NO_FD = -1;
const UPWARD = ['client', 'backend'] as const;
const DOWNWARD = ['backend', 'client'] as const;

/**
 * The two sockets of one session. `waiting`: the client's bytes stay in the kernel, only its FIN and RST are
 * looked for. `relaying`: two flows. `flushing`: nothing more is read. `closing`: what was read is still
 * written, then each socket is closed. `closed`: both are gone, or left to the lingerer.
 */
export class EpollConnection implements Shell, FdOwner {
	/** Where events go; set before the first. */
	report: (event: SessionEvent) => void = () => {};
	readonly meter = new Meter();
	readonly #tools: Tools;
	readonly #unixClient: boolean;
	readonly #keepAlive: KeepAlive;
	#client: number;
	#backend = NO_FD;
	#unixBackend = false;
	#phase: 'waiting' | 'relaying' | 'flushing' | 'closing' | 'closed' = 'waiting';
	#connecting = false;
	/** The backend's socket may have something to read. */
	#backendSpoke = false;
	#early = false;
	/** The client's FIN has come; perhaps bytes are still before it. */
	#clientHungUp = false;
	/** The client's FIN has come and there was no byte before it. */
	#clientEnded = false;
	#backendHungUp = false;
	#upload: Flow | null = null;
	#download: Flow | null = null;
	readonly #finSent = { client: false, backend: false };
	readonly #finOwed = { client: false, backend: false };
	readonly #lost = { client: false, backend: false };
	#flushSide: Side | null = null;
	#endReported = false;
	#queued = false;
	#tuned = false;

	constructor(tools: Tools, client: number, unix: boolean, keepAlive: KeepAlive) {
		this.#keepAlive = keepAlive;
		this.#tools = tools;
		this.#client = client;
		this.#unixClient = unix;
	}

	// --- actions ---

	hold(): void {}

	connect(pool: PoolSnapshot, backend: BackendSnapshot): void {
		const opened = openUpstream(this.#tools, pool, backend);
		if (opened.fd < 0) return this.#connectFailed(opened.fd);
		this.#backend = opened.fd;
		this.#unixBackend = backend.target.type === 'unix';
		this.#backendSpoke = false;
		this.#backendHungUp = false;
		const added = this.#tools.poller.add(opened.fd, WATCHED, this);
		if (added < 0) return this.#dropBackend(added);
		this.#connecting = !opened.connected;
		if (opened.connected) this.report(CONNECTED);
	}

	cancelConnect(): void {
		this.#connecting = false;
		this.#closeFd('backend');
	}

	relay(gates: RelayGates): void {
		const { meter } = this;
		this.#phase = 'relaying';
		this.#upload = new Flow(this.#tools, meter, gates.upload, 'upload', this.#client, this.#backend);
		this.#download = new Flow(this.#tools, meter, gates.download, 'download', this.#backend, this.#client);
		this.#upload.readable = !this.#clientEnded;
		this.#upload.ending = this.#clientHungUp;
		this.#upload.ended = this.#clientEnded;
		this.#download.readable = this.#backendSpoke;
		this.#download.ending = this.#backendHungUp;
		this.pump();
	}

	shutdown(side: Side): void {
		this.#finOwed[side] = true;
		this.#payFin(side);
	}

	flush(side: Side): void {
		this.#phase = 'flushing';
		this.#flushSide = side;
		this.#continueFlush();
	}

	close(manner: 'fin' | 'reset'): void {
		if (manner === 'reset' || this.#connecting) {
			this.#phase = 'closed';
			this.#releaseFlows();
			this.#reset('client');
			this.#reset('backend');
			this.report(CLOSED);
			return;
		}
		const backendOpen = this.#backend !== NO_FD;
		this.#phase = 'closing';
		this.#closeWhenWritten('client');
		this.#closeWhenWritten('backend');
		if (!backendOpen) this.report(CLOSED);
	}

	/** Both sockets at once, without a word. */
	abandon(): void {
		this.#phase = 'closed';
		this.#releaseFlows();
		this.#reset('client');
		this.#reset('backend');
	}

	// --- events of the sockets ---

	onEvents(fd: number, events: number): void {
		const side: Side = fd === this.#client ? 'client' : 'backend';
		switch (this.#phase) {
			case 'waiting':
				return side === 'client' ? this.#whileWaiting(events) : this.#whileConnecting(events);
			case 'relaying':
				this.#note(side, events);
				return this.pump();
			case 'flushing':
				if ((events & (EPOLLERR | EPOLLHUP)) !== 0 && this.#failed(side)) return this.#lose(side);
				return this.#continueFlush();
			case 'closing':
				if ((events & (EPOLLERR | EPOLLHUP)) !== 0) return this.#giveUp(side);
				return this.#closeWhenWritten(side);
		}
	}

	/** The client before the relay: only a FIN or a RST is of interest, and that there was a byte. */
	#whileWaiting(events: number): void {
		if ((events & EPOLLERR) !== 0) return this.#lose('client');
		if ((events & (EPOLLIN | EPOLLRDHUP)) === 0) return;
		if ((events & EPOLLRDHUP) !== 0) this.#clientHungUp = true;
		const { libc, scratch } = this.#tools;
		const seen = libc.recv(this.#client, scratch, 0, 1, MSG_PEEK);
		if (seen > 0 && !this.#early) {
			this.#early = true;
			this.report(EARLY_BYTES);
		} else if (seen === 0 && !this.#clientEnded) {
			this.#clientEnded = true;
			this.report(EOF.client);
		} else if (seen < 0 && seen !== -ERRNO.EAGAIN) {
			this.#lose('client');
		}
	}

	#whileConnecting(events: number): void {
		if ((events & EPOLLIN) !== 0) this.#backendSpoke = true;
		if ((events & EPOLLRDHUP) !== 0) this.#backendHungUp = true;
		if (!this.#connecting) return;
		const error = this.#tools.libc.getOption(this.#backend, SOL_SOCKET, SO_ERROR);
		if (error !== 0) return this.#dropBackend(error);
		if ((events & EPOLLOUT) === 0) return;
		this.#connecting = false;
		this.report(CONNECTED);
	}

	// --- the relay ---

	/** Remembers what an event said; edges come once. */
	#note(side: Side, events: number): void {
		const flow = side === 'client' ? this.#upload : this.#download;
		if (flow === null) return;
		if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) !== 0) flow.readable = !flow.ended;
		if ((events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) !== 0) flow.ending = true;
		// A flow that does not read just now would not meet the error.
		if ((events & EPOLLERR) !== 0 && (flow.ended || !flow.empty) && this.#failed(side)) this.#lose(side);
	}

	/** Moves both directions; the loop calls it again when there is more. */
	pump(): void {
		this.#queued = false;
		if (this.#phase !== 'relaying') return;
		const again = this.#pumpOne(this.#upload);
		if (this.#pumpOne(this.#download) || again) this.#pumpAgain();
		this.#payFin('client');
		this.#payFin('backend');
	}

	#pumpOne(flow: Flow | null): boolean {
		if (flow === null || this.#phase !== 'relaying') return false;
		const result: PumpResult = flow.pump();
		if (!this.#tuned && flow.chunks > 1) this.#tuneBackend();
		if (result === AGAIN) return true;
		const [source, target]: readonly [Side, Side] = flow === this.#upload ? UPWARD : DOWNWARD;
		if (result === HELD_BACK) this.#tools.awaitGate(this, flow);
		else if (result === ENDED) this.report(EOF[source]);
		else if (result === SOURCE_LOST) this.#lose(source);
		else if (result === TARGET_LOST) this.#lose(target);
		return false;
	}

	/** Left until a second chunk: a session of one question and one answer needs none of it. */
	#tuneBackend(): void {
		this.#tuned = true;
		if (!this.#unixBackend && this.#backend !== NO_FD) tuneUpstream(this.#tools.libc, this.#backend, this.#keepAlive);
	}

	#pumpAgain(): void {
		if (this.#queued) return;
		this.#queued = true;
		this.#tools.pumpSoon(this);
	}

	/** Sends the FIN that is owed to a side, once all that was read for it is written. */
	#payFin(side: Side): void {
		if (!this.#finOwed[side] || this.#finSent[side] || this.#phase !== 'relaying') return;
		const [inward, outward] = side === 'client' ? [this.#download, this.#upload] : [this.#upload, this.#download];
		if (inward === null || outward === null || !inward.empty) return;
		this.#finSent[side] = true;
		const last = outward.ended && this.#finSent[side === 'client' ? 'backend' : 'client'];
		// The end of both sides closes this socket within the step, which sends the FIN by itself.
		if (!last) this.#tools.libc.shutdown(this.#fdOf(side), SHUT_WR);
		if (last && !this.#endReported) {
			this.#endReported = true;
			this.report(RELAY_ENDED);
		}
	}

	#continueFlush(): void {
		const side = this.#flushSide;
		if (side === null) return;
		const flow = side === 'client' ? this.#download : this.#upload;
		const written = flow === null ? AGAIN : flow.flush();
		if (written === TARGET_LOST) return this.#lose(side);
		if (written !== AGAIN) return;
		this.#flushSide = null;
		this.report(FLUSHED[side]);
	}

	// --- the end ---

	#closeWhenWritten(side: Side): void {
		const fd = this.#fdOf(side);
		if (fd === NO_FD) return;
		const inward = side === 'client' ? this.#download : this.#upload;
		const written = inward === null ? AGAIN : inward.flush();
		if (written === TARGET_LOST) return this.#giveUp(side);
		if (written !== AGAIN) return this.#tools.watchClosing(this);
		const outward = side === 'client' ? this.#upload : this.#download;
		if (outward?.ended === true) return this.#giveUp(side);
		this.#forgetFd(side);
		this.#tools.lingerer.take(fd, this.#finSent[side], () => this.#sideClosed(side));
		this.#checkClosed();
	}

	/** Closes one side now; close(2) sends the FIN if none was sent. */
	#giveUp(side: Side): void {
		this.#closeFd(side);
		this.#sideClosed(side);
	}

	#sideClosed(side: Side): void {
		const inward = side === 'client' ? this.#download : this.#upload;
		if (inward !== null) this.#release(inward);
		this.#checkClosed();
		if (side === 'backend') this.report(CLOSED);
	}

	#checkClosed(): void {
		if (this.#client !== NO_FD || this.#backend !== NO_FD) return;
		this.#phase = 'closed';
		this.#tools.doneClosing(this);
	}

	/** Time is up for bytes that nobody takes. */
	endClosing(): void {
		if (this.#phase !== 'closing') return;
		for (const side of ['client', 'backend'] as const) if (this.#fdOf(side) !== NO_FD) this.#giveUp(side);
	}

	#failed(side: Side): boolean {
		return this.#tools.libc.getOption(this.#fdOf(side), SOL_SOCKET, SO_ERROR) !== 0;
	}

	#lose(side: Side): void {
		if (this.#lost[side]) return;
		this.#lost[side] = true;
		this.report(RESET[side]);
	}

	#dropBackend(error: number): void {
		this.#connecting = false;
		this.#closeFd('backend');
		this.#connectFailed(error);
	}

	#connectFailed(error: number): void {
		const code = errnoName(error);
		this.report({ type: 'connect-failed', cause: connectFailureOf(code), code });
	}

	#reset(side: Side): void {
		const fd = this.#fdOf(side);
		if (fd === NO_FD) return;
		const unix = side === 'client' ? this.#unixClient : this.#unixBackend;
		if (!unix) this.#tools.resetOnClose(fd);
		this.#closeFd(side);
	}

	#closeFd(side: Side): void {
		const fd = this.#fdOf(side);
		if (fd === NO_FD) return;
		this.#forgetFd(side);
		this.#tools.poller.forget(fd);
		this.#tools.libc.close(fd);
	}

	#forgetFd(side: Side): void {
		if (side === 'client') this.#client = NO_FD;
		else this.#backend = NO_FD;
	}

	#fdOf(side: Side): number {
		return side === 'client' ? this.#client : this.#backend;
	}

	#releaseFlows(): void {
		for (const flow of [this.#upload, this.#download]) if (flow !== null) this.#release(flow);
	}

	#release(flow: Flow): void {
		this.#tools.leaveGate(flow);
		flow.release();
	}
}
