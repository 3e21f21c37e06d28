import type { Socket } from 'node:net';
import type { Side } from '../../core/units.ts';

/** What happens on the two sockets of a session, told to their owner. */
export interface EndOwner {
	connected(end: SocketEnd): void;
	received(end: SocketEnd, chunk: Buffer): void;
	ended(end: SocketEnd): void;
	drained(end: SocketEnd): void;
	finished(end: SocketEnd): void;
	failed(end: SocketEnd, error: NodeJS.ErrnoException): void;
	closed(end: SocketEnd): void;
}

interface OwnedSocket extends Socket {
	sluiceEnd?: SocketEnd | null;
}

/** One side's socket with what is known of it. Its handlers are shared by all sockets: none is made per connection. */
export class SocketEnd {
	readonly side: Side;
	/** What is read and written; under TLS a `TLSSocket`. */
	readonly socket: Socket;
	/** The TCP or unix-domain socket; the same without TLS. */
	readonly transport: Socket;
	owner: EndOwner;
	readonly unix: boolean;
	/** Its FIN has come and all its bytes are read. */
	eof = false;
	/** Our FIN has been sent to it, after all bytes. */
	finSent = false;
	/** It was reset or failed, and that has been told. */
	lost = false;
	/** A `flushed` is owed for it. */
	flushing = false;

	constructor(side: Side, socket: Socket, owner: EndOwner, unix: boolean, transport = socket) {
		this.side = side;
		this.socket = socket;
		this.transport = transport;
		this.owner = owner;
		this.unix = unix;
		this.takeBack();
		socket.on('error', onError).on('close', onClose);
	}

	/** Its own `connect` is still to come. */
	awaitConnect(): void {
		this.socket.once('connect', onConnect);
	}

	/** Begin to read. */
	listen(): void {
		this.socket.on('data', onData).on('end', onEnd).on('drain', onDrain).on('finish', onFinish);
		this.socket.resume();
	}

	/** Read no more for now; what comes is kept by the socket. */
	unlisten(): void {
		this.socket.pause();
		this.socket.off('data', onData).off('end', onEnd).off('drain', onDrain).off('finish', onFinish);
	}

	/** Hand the socket on, unread: nothing of it is told any more, until it is taken back. */
	lend(): Socket {
		this.unlisten();
		(this.socket as OwnedSocket).sluiceEnd = null;
		return this.socket;
	}

	takeBack(): void {
		(this.socket as OwnedSocket).sluiceEnd = this;
	}
}

function onConnect(this: OwnedSocket): void {
	if (this.sluiceEnd) this.sluiceEnd.owner.connected(this.sluiceEnd);
}

function onData(this: OwnedSocket, chunk: Buffer): void {
	if (this.sluiceEnd) this.sluiceEnd.owner.received(this.sluiceEnd, chunk);
}

function onEnd(this: OwnedSocket): void {
	if (this.sluiceEnd) this.sluiceEnd.owner.ended(this.sluiceEnd);
}

function onDrain(this: OwnedSocket): void {
	if (this.sluiceEnd) this.sluiceEnd.owner.drained(this.sluiceEnd);
}

function onFinish(this: OwnedSocket): void {
	if (this.sluiceEnd) this.sluiceEnd.owner.finished(this.sluiceEnd);
}

function onError(this: OwnedSocket, error: NodeJS.ErrnoException): void {
	if (this.sluiceEnd) this.sluiceEnd.owner.failed(this.sluiceEnd, error);
}

function onClose(this: OwnedSocket): void {
	if (this.sluiceEnd) this.sluiceEnd.owner.closed(this.sluiceEnd);
}
