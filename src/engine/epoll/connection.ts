import { connectFailureOf } from '../../core/connect-failure.ts';
import type { RelayGates, SessionEvent } from '../../core/session-io.ts';
import type { BackendSnapshot, KeepAlive, PoolSnapshot, TerminateTls, UpstreamTls } from '../../core/snapshot.ts';
import { ofSide, type Side } from '../../core/units.ts';
import type { Shell } from '../driver.ts';
import { Meter } from '../meter.ts';
import { CLOSED, CONNECTED, EARLY_BYTES, EOF, FLUSHED, RESET } from '../session-events.ts';
import type { Straggler } from '../stragglers.ts';
import { type EarlyOwner, EarlyReader } from './early-reader.ts';
import { End, NO_FD } from './end.ts';
import { ERRNO, errnoName } from './errno.ts';
import { AGAIN, HELD_BACK, TARGET_LOST } from './flow.ts';
import type { HeldBytes } from './held-bytes.ts';
import {
	EPOLLERR,
	EPOLLHUP,
	EPOLLIN,
	EPOLLOUT,
	EPOLLPRI,
	EPOLLRDHUP,
	MSG_PEEK,
	SO_ERROR,
	SOL_SOCKET,
	WATCHED,
} from './layouts.ts';
import type { Pumped } from './loop.ts';
import { Opening, type OpeningHost, sendOwn } from './opening.ts';
import type { FdOwner } from './poller.ts';
import { Relay } from './relay.ts';
import type { Tools } from './tools.ts';
import { keepUrgentByte, leaveUpstream, openUpstream, sendAtOnce } from './upstream.ts';

const BROKEN = EPOLLERR | EPOLLHUP;

/**
 * The two sockets of one session. `waiting`: the client's bytes stay in the kernel, unless the session asks to
 * see them, and its FIN and RST are looked for. `relaying`: two flows. `flushing`: nothing more is read.
 * `closing`: what was read is still written, then each socket is closed. `closed`: both are gone, or left to
 * the lingerer.
 */
export class EpollConnection implements Shell, FdOwner, EarlyOwner, OpeningHost, Straggler, Pumped {
	/** Where events go; set before the first. */
	report: (event: SessionEvent) => void = () => {};
	readonly meter = new Meter();
	readonly #tools: Tools;
	readonly #keepAlive: KeepAlive;
	readonly #client: End;
	readonly #backend = new End('backend', NO_FD, false);
	#phase: 'waiting' | 'relaying' | 'flushing' | 'closing' | 'closed' = 'waiting';
	#early = false;
	/** Made when the session first asks to see what the client sends. */
	#earlyReader: EarlyReader | null = null;
	/** While the backend is spoken to before the relay. */
	#opening: Opening | null = null;
	#relay: Relay | null = null;
	#flushSide: Side | null = null;

	constructor(tools: Tools, client: number, unix: boolean, keepAlive: KeepAlive) {
		this.#tools = tools;
		this.#client = new End('client', client, unix);
		this.#keepAlive = keepAlive;
	}

	// --- actions ---

	hold(): void {}

	peek(beyond: number, atMost: number): void {
		this.#earlyReader ??= new EarlyReader(this.#tools, this, this.#client);
		this.#earlyReader.ask(beyond, atMost);
	}

	consume(bytes: number): void {
		if (this.#earlyReader?.consume(bytes) === true) this.#early = false;
	}

	/** So few bytes always find room, unless nobody is there to take them. */
	reply(bytes: Uint8Array): void {
		this.#earlyReader?.keep();
		if (sendOwn(this.#tools, this.#client.fd, bytes, 0) !== bytes.length) this.clientLost();
	}

	handshake(_tls: TerminateTls, _serverName: string | null): void {
		throw new Error('the epoll engine cannot terminate TLS: such a listener runs on the node engine');
	}

	connect(pool: PoolSnapshot, backend: BackendSnapshot, preface: Uint8Array | null): void {
		const opened = openUpstream(this.#tools, pool, backend);
		if (opened.fd < 0) return this.#connectFailed(opened.fd);
		this.#backend.begin(opened.fd, backend.target.type === 'unix', opened.restsAs);
		if (opened.registered) this.#tools.poller.handOver(opened.fd, this);
		else {
			const added = this.#tools.poller.add(opened.fd, WATCHED, this);
			if (added < 0) return this.dropBackend(added);
		}
		this.#backend.connecting = !opened.connected;
		if (preface !== null) this.#introduce(preface);
		if (opened.connected) this.#connected();
	}

	greet(bytes: Uint8Array): void {
		this.#earlyReader?.keep();
		this.#opening = new Opening(this.#tools, this, this.#backend, bytes, true);
		this.#opening.proceed();
	}

	secure(_tls: UpstreamTls, _serverName: string | null, _alpn: readonly string[]): void {
		throw new Error('the epoll engine cannot speak TLS to backends: such a listener runs on the node engine');
	}

	cancelConnect(): void {
		this.#backend.connecting = false;
		this.#opening = null;
		this.#closeNow(this.#backend);
	}

	relay(gates: RelayGates): void {
		this.#phase = 'relaying';
		const held = this.#endEarly();
		const ends = { client: this.#client, backend: this.#backend, held, keepAlive: this.#keepAlive };
		this.#relay = new Relay(this.#tools, this, this.meter, gates, ends);
		this.#relay.pump();
	}

	shutdown(side: Side): void {
		this.#relay?.oweFin(side);
	}

	flush(side: Side): void {
		this.#phase = 'flushing';
		this.#relay?.stop();
		this.#flushSide = side;
		this.#continueFlush();
	}

	/** Answers what the client sent before and nobody consumed. */
	#endEarly(): HeldBytes | null {
		const reader = this.#earlyReader;
		this.#earlyReader = null;
		if (reader !== null) return reader.end();
		// What it sent early was only looked at.
		this.#client.readable = !this.#client.ended;
		return null;
	}

	close(manner: 'fin' | 'reset'): void {
		if (manner === 'reset') {
			this.abandon();
			this.report(CLOSED);
			return;
		}
		this.#endEarly();
		const backendOpen = this.#backend.fd !== NO_FD;
		this.#phase = 'closing';
		this.#relay?.stopForGood();
		this.#closeWhenWritten(this.#client);
		this.#closeWhenWritten(this.#backend);
		if (!backendOpen) this.#over();
	}

	/** Both sockets at once, without a word. */
	abandon(): void {
		this.#phase = 'closed';
		this.#endEarly();
		this.#relay?.releaseAll();
		this.#reset(this.#client);
		this.#reset(this.#backend);
	}

	/** Called now and then: what long sessions need and short ones can do without. */
	settle(): void {
		if (this.#phase === 'relaying') this.#relay?.settle();
	}

	// --- events of the sockets ---

	onEvents(fd: number, events: number): void {
		const end = fd === this.#client.fd ? this.#client : this.#backend;
		switch (this.#phase) {
			case 'waiting':
				return end === this.#client ? this.#whileWaiting(events) : this.#whileConnecting(events);
			case 'relaying':
				return this.#relay?.hear(end.side, events);
			case 'flushing':
				if ((events & BROKEN) !== 0 && this.#error(end) !== 0) return this.#relay?.lose(end.side);
				return this.#continueFlush();
			case 'closing':
				if ((events & BROKEN) !== 0) return this.#giveUp(end);
				return this.#closeWhenWritten(end);
		}
	}

	/** The client before the relay: unless it is read, only a FIN or a RST is of interest, and that there was a byte. */
	#whileWaiting(events: number): void {
		if ((events & EPOLLERR) !== 0) return this.clientLost();
		if ((events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP)) === 0) return;
		const client = this.#client;
		client.readable = !client.ended;
		if ((events & (EPOLLPRI | EPOLLRDHUP)) !== 0) client.readOn = true;
		if (this.#earlyReader !== null) this.#earlyReader.pump();
		// With no more than this there is a byte: nothing to look up.
		else if ((events & (EPOLLPRI | EPOLLRDHUP)) === 0) this.noteEarly();
		else this.lookForEnd();
	}

	lookForEnd(): void {
		if (this.#early && !this.#client.readOn) return;
		const { libc, scratch } = this.#tools;
		const seen = libc.recv(this.#client.fd, scratch, 0, 1, MSG_PEEK);
		if (seen > 0) this.noteEarly();
		else if (seen === 0) this.clientEnded();
		else if (seen !== -ERRNO.EAGAIN) this.clientLost();
	}

	noteEarly(): void {
		if (this.#early) return;
		this.#early = true;
		this.report(EARLY_BYTES);
	}

	clientEnded(): void {
		this.#client.readable = false;
		if (this.#client.ended) return;
		this.#client.ended = true;
		this.report(EOF.client);
	}

	clientLost(): void {
		if (this.#client.lost) return;
		this.#client.lost = true;
		this.report(RESET.client);
	}

	/** The backend before the relay. */
	#whileConnecting(events: number): void {
		const backend = this.#backend;
		if ((events & EPOLLPRI) !== 0) keepUrgentByte(this.#tools.libc, backend);
		if ((events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP)) !== 0) backend.readable = true;
		if ((events & (EPOLLPRI | EPOLLRDHUP)) !== 0) backend.readOn = true;
		if (backend.connecting) {
			if ((events & BROKEN) !== 0) {
				const error = this.#error(backend);
				if (error !== 0) return this.dropBackend(error);
			}
			if ((events & EPOLLOUT) === 0) return;
			backend.connecting = false;
			this.#connected();
		} else if (this.#opening !== null) {
			if ((events & BROKEN) !== 0) backend.readable = true;
			this.#opening.proceed();
		}
	}

	/** What follows the header must not wait until the backend has acknowledged that. */
	#introduce(preface: Uint8Array): void {
		this.#earlyReader?.keep();
		if (!this.#backend.unix) sendAtOnce(this.#tools.libc, this.#backend.fd);
		this.#opening = new Opening(this.#tools, this, this.#backend, preface, false);
	}

	#connected(): void {
		if (this.#opening === null) this.report(CONNECTED);
		else this.#opening.proceed();
	}

	opened(event: SessionEvent): void {
		this.#opening = null;
		this.report(event);
	}

	refuseBackend(reason: string): void {
		this.#opening = null;
		this.#closeNow(this.#backend);
		this.report({ type: 'upstream-tls-failed', reason });
	}

	// --- the end ---

	/** A gate may let pass what was held of the client. */
	pump(): void {
		if (this.#phase === 'flushing') this.#continueFlush();
	}

	#continueFlush(): void {
		const side = this.#flushSide;
		if (side === null || this.#relay === null) return;
		const flow = this.#relay.inward(side);
		const written = flow.flush();
		if (written === TARGET_LOST) return this.#relay.lose(side);
		if (written === HELD_BACK) return this.#tools.awaitGate(this, flow);
		if (written !== AGAIN) return;
		this.#flushSide = null;
		this.report(ofSide(FLUSHED, side));
	}

	#closeWhenWritten(end: End): void {
		if (end.fd === NO_FD) return;
		const written = this.#relay?.inward(end.side).flush() ?? AGAIN;
		if (written === TARGET_LOST) return this.#giveUp(end);
		if (written !== AGAIN) return this.#tools.watchClosing(this);
		if (this.#relay?.outward(end.side).ended === true) {
			const { uploadBytes, downloadBytes } = this.meter;
			if (!leaveUpstream(this.#tools, end, uploadBytes + downloadBytes, this.#relay.tuned)) this.#closeNow(end);
			return this.#sideClosed(end);
		}
		const { fd } = end;
		end.fd = NO_FD;
		end.lingeringFd = fd;
		this.#tools.lingerer.take(fd, end.finSent, () => this.#sideClosed(end));
		this.#checkClosed();
	}

	/** Closes one side now; close(2) sends the FIN if none was sent. */
	#giveUp(end: End): void {
		this.#closeNow(end);
		this.#sideClosed(end);
	}

	#sideClosed(end: End): void {
		end.lingeringFd = NO_FD;
		this.#relay?.release(this.#relay.inward(end.side));
		this.#checkClosed();
		if (end === this.#backend) this.#over();
		else this.#tools.stragglers.delete(this);
	}

	/** The session is over; the client may still be taking its last bytes. */
	#over(): void {
		const { fd, lingeringFd } = this.#client;
		if (fd !== NO_FD || lingeringFd !== NO_FD) this.#tools.stragglers.add(this);
		this.report(CLOSED);
	}

	giveUp(): void {
		if (this.#client.fd !== NO_FD) this.#giveUp(this.#client);
		else if (this.#client.lingeringFd !== NO_FD) this.#tools.lingerer.drop(this.#client.lingeringFd);
	}

	#checkClosed(): void {
		if (this.#client.fd !== NO_FD || this.#backend.fd !== NO_FD) return;
		this.#phase = 'closed';
		this.#tools.doneClosing(this);
	}

	/** Time is up for bytes that nobody takes. */
	endClosing(): void {
		if (this.#phase !== 'closing') return;
		for (const end of [this.#client, this.#backend]) if (end.fd !== NO_FD) this.#giveUp(end);
	}

	/** What is pending on a socket, negated; 0 for nothing. */
	#error({ fd }: End): number {
		return this.#tools.libc.getOption(fd, SOL_SOCKET, SO_ERROR);
	}

	dropBackend(error: number): void {
		this.#backend.connecting = false;
		this.#opening = null;
		this.#closeNow(this.#backend);
		this.#connectFailed(error);
	}

	#connectFailed(error: number): void {
		const code = errnoName(error);
		this.report({ type: 'connect-failed', cause: connectFailureOf(code), code });
	}

	#reset(end: End): void {
		if (end.fd === NO_FD) return;
		if (!end.unix) this.#tools.resetOnClose(end.fd);
		this.#closeNow(end);
	}

	#closeNow(end: End): void {
		const { fd } = end;
		if (fd === NO_FD) return;
		end.fd = NO_FD;
		this.#tools.poller.forget(fd);
		this.#tools.libc.close(fd);
	}
}
