/** Share of the process cap that may be held unanswered (`silent`, `tarpit`). */
const HELD_SHARE = 0.01;

/**
 * The clients that one worker holds unanswered, oldest first. Each worker may hold its part of one
 * percent of the process cap, at least one, so that holding never takes the room of those served.
 */
export class HeldClients {
	private limit = 1;
	private workers: number;
	private readonly evict: (session: object) => void;
	private readonly sessions = new Set<object>();

	/** `evict` brings the `evict` event to a session soon, but not within the call. */
	constructor(processCap: number, workers: number, evict: (session: object) => void) {
		this.workers = workers;
		this.evict = evict;
		this.follow(processCap);
	}

	/** The process cap is this one from now on, and so many workers share it; when its part has become smaller, the oldest go. */
	follow(processCap: number, workers = this.workers): void {
		this.workers = workers;
		this.limit = Math.max(1, Math.floor((processCap * HELD_SHARE) / this.workers));
		this.evictExcess();
	}

	get size(): number {
		return this.sessions.size;
	}

	add(session: object): void {
		this.sessions.add(session);
		this.evictExcess();
	}

	delete(session: object): void {
		this.sessions.delete(session);
	}

	private evictExcess(): void {
		for (const oldest of this.sessions) {
			if (this.sessions.size <= this.limit) return;
			this.sessions.delete(oldest);
			this.evict(oldest);
		}
	}
}
