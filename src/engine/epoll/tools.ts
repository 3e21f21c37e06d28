import type { Stragglers } from '../stragglers.ts';
import type { EpollConnection } from './connection.ts';
import type { Flow, RelayTools } from './flow.ts';
import type { Lingerer } from './lingering.ts';
import type { Pumped } from './loop.ts';
import type { Poller } from './poller.ts';
import type { RestingSockets } from './resting-sockets.ts';
import type { RideTerms, RingRelays } from './ring-relays.ts';
import type { SocketAddress } from './sockaddr.ts';
import type { Spare } from './spare.ts';

/** What a worker's engine lends to its connections. */
export interface Tools extends RelayTools {
	readonly poller: Poller;
	/** Carries relays of small messages; null where there is no io_uring. */
	readonly ring: RingRelays | null;
	readonly rides: RideTerms;
	readonly lingerer: Lingerer;
	readonly stragglers: Stragglers;
	readonly spare: Spare;
	readonly resting: RestingSockets;
	/** For a call that needs an address; nothing stays in it. */
	readonly address: SocketAddress;
	/** Pump this relay in this turn of the loop, after the events at hand. */
	pumpSoon(relay: Pumped): void;
	/** This connection closes as soon as its bytes are taken; `endClosing` is called when that takes too long. */
	watchClosing(connection: EpollConnection): void;
	/** It has closed. */
	doneClosing(connection: EpollConnection): void;
	/** Pump this relay again when this flow's gate may let something pass. */
	awaitGate(relay: Pumped, flow: Flow): void;
	/** Pump this relay again after `GATHER_MS`, when bytes of this flow have gathered. */
	lookSoon(relay: Pumped, flow: Flow): void;
	/** Ends either wait. */
	leaveGate(flow: Flow): void;
	/** close(2) of this socket will send RST. */
	resetOnClose(fd: number): void;
}
