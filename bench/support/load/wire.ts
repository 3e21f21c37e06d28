/** What client and backend of the load have agreed on: the first byte of a session says what it is for. */
export const MODE = {
	/** All bytes come back. */
	echo: 0x70,
	/** The backend sends without end. */
	download: 0x64,
	/** The backend reads without end. */
	upload: 0x75,
} as const;

/** Bytes of one send of a bulk stream. */
export const BULK_BYTES = 256 * 1024;
/** The longest message of a ping-pong. */
export const MOST_PING_BYTES = 64 * 1024;
/** recv(2) on TCP drops the bytes instead of copying them (tcp(7)): who reads bulk costs little. */
export const MSG_TRUNC = 0x20;
/** Readers of bulk sleep until there is so much (socket(7)): waking them for each chunk would be the proxy's time. */
export const SO_RCVLOWAT = 18;
export const BULK_WAKE_BYTES = 256 * 1024;
/** The system cuts it to net.core.somaxconn. */
export const BACKLOG = 65_535;
