import type { Side } from '../../core/units.ts';

export const NO_FD = -1;

/** One of the two sockets of a session, with what is known of it. */
export class End {
	readonly side: Side;
	fd: number;
	unix: boolean;
	/** Its descriptor while the lingerer has it. */
	lingeringFd = NO_FD;
	/** The connect is under way. */
	connecting = false;
	/** There may be something to read: a byte, or its FIN. */
	readable = false;
	/** Its FIN, or urgent data, has come: a read stops short there, and only EAGAIN says that nothing is left. */
	readOn = false;
	/** Its FIN has come and there was no byte before it. */
	ended = false;
	/** That its connection is lost has been told. */
	lost = false;
	/** A FIN is due to it, once all that was read for it is written. */
	finOwed = false;
	finSent = false;
	/** The address family under which its socket may be connected again; 0: it is closed after use. */
	restsAs = 0;

	constructor(side: Side, fd: number, unix: boolean) {
		this.side = side;
		this.fd = fd;
		this.unix = unix;
	}

	/** A connect to a backend begins, perhaps after others that failed. */
	begin(fd: number, unix: boolean, restsAs: number): void {
		this.fd = fd;
		this.unix = unix;
		this.restsAs = restsAs;
		this.readable = false;
		this.readOn = false;
	}
}
