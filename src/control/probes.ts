import type { Socket } from 'node:net';
import { Attempt, begin } from './probe/attempt.ts';
import { conversationOf } from './probe/conversations.ts';
import type { Lane, ProbeRequest, ProbeResult, Prober } from './probe/request.ts';

/** Sockets that probes may have open at once; what is more waits for its turn. Part of the descriptors kept in reserve. */
const MAX_OPEN = 100;
/** Lanes by precedence, each with the part of the sockets that it and those behind it may have together. */
const LANES: readonly (readonly [lane: Lane, share: number])[] = [
	['good', 1],
	['new', 0.75],
	['suspect', 0.5],
];

/** Who begins the probes: all of a process go through one of these, which bounds their sockets. */
export class Probes {
	private readonly maxOpen: number;
	private readonly open = new Map<Socket, Lane>();
	private readonly waiting = new Map<Lane, Set<() => void>>(LANES.map(([lane]) => [lane, new Set()]));

	constructor(maxOpen = MAX_OPEN) {
		this.maxOpen = maxOpen;
	}

	/** Sockets open now. */
	get sockets(): number {
		return this.open.size;
	}

	readonly probe: Prober = (request, done) => {
		const waiting = this.waiting.get(request.lane);
		let cancel = (): void => {};
		const start = (): void => {
			cancel = this.begin(request, done);
		};
		if (this.hasRoom(request.lane)) start();
		else waiting?.add(start);
		return () => {
			waiting?.delete(start);
			cancel();
		};
	};

	/** Closes whatever is open. */
	close(): void {
		for (const waiting of this.waiting.values()) waiting.clear();
		for (const socket of this.open.keys()) socket.destroy();
	}

	private hasRoom(lane: Lane): boolean {
		let used = 0;
		for (const [candidate, share] of LANES.toReversed()) {
			for (const taken of this.open.values()) if (taken === candidate) used += 1;
			if (candidate === lane) return used < Math.ceil(this.maxOpen * share) && this.open.size < this.maxOpen;
		}
		return false;
	}

	/** Those that waited longest in the first lane that has both somebody and room. */
	private beginNext(): void {
		for (const [lane] of LANES) {
			const waiting = this.waiting.get(lane) ?? [];
			for (const start of waiting) {
				if (!this.hasRoom(lane)) break;
				this.waiting.get(lane)?.delete(start);
				start();
			}
		}
	}

	private begin(request: ProbeRequest, done: (result: ProbeResult) => void): () => void {
		const attempt = new Attempt(request, (socket) => {
			this.open.set(socket, request.lane);
			socket.once('close', () => {
				this.open.delete(socket);
				this.beginNext();
			});
		});
		return begin(conversationOf(request.probe), attempt, done);
	}
}
