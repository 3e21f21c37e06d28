/** What a webhook is told, as JSON. */
export interface AlertMessage {
	readonly alert: string;
	readonly state: 'firing' | 'resolved';
	/** As written in the configuration. */
	readonly when: string;
	/** What was compared; null: it is gone, as a metric of a removed backend is. */
	readonly value: number | null;
	/** Since when it is so, ISO 8601. */
	readonly since: string;
	/** When it became `state`, ISO 8601. */
	readonly time: string;
	/** Of the machine. */
	readonly host: string;
}

/** Sends one message; null when it was taken, else why not. Never rejects. */
export type Deliver = (message: AlertMessage) => Promise<string | null>;

/** Between two messages that an alert fires: what flaps does not flood. */
export const FIRING_PAUSE_MS = 60_000;
/** Waits after tries that failed; after the last one the message is given up. */
export const RETRY_PAUSES_MS: readonly number[] = [1_000, 4_000, 15_000, 60_000];

export type Delivery = 'none' | 'delivered' | 'waiting' | 'failed';

/** What a webhook has taken, and when it was sent. */
export interface Told {
	readonly state: AlertMessage['state'];
	readonly atMs: number;
}

/**
 * Brings the news of one alert to its webhook. It keeps the newest state and what was sent last, and no queue: news
 * that are outdated before they could be sent are never told. One request at a time.
 */
export class Courier {
	readonly #deliver: Deliver;
	readonly #failed: (reason: string) => void;
	#news: AlertMessage | null = null;
	/** The message that was sent last, or is tried. Before the first one: as if it had been told that all is well. */
	#sent: AlertMessage | null = null;
	#lastFiringMs = Number.NEGATIVE_INFINITY;
	#fails = 0;
	#retryAtMs: number | null = null;
	#inFlight = false;
	#delivery: Delivery = 'none';
	#told: Told | null = null;
	#trouble: string | null = null;

	/** `failed` hears why a message was given up. */
	constructor(deliver: Deliver, failed: (reason: string) => void) {
		this.#deliver = deliver;
		this.#failed = failed;
	}

	/** Of the last message. */
	get delivery(): Delivery {
		return this.#delivery;
	}

	/** The last message that was taken; null: none yet. */
	get told(): Told | null {
		return this.#told;
	}

	/** Why the last try failed; null: it did not. */
	get trouble(): string | null {
		return this.#trouble;
	}

	tell(news: AlertMessage, nowMs: number): void {
		this.#news = news;
		this.tick(nowMs);
	}

	/** To be called now and then: sends what is due. */
	tick(nowMs: number): void {
		if (this.#inFlight || this.#news === null) return;
		if (this.#isNew(this.#news) && this.#mayBegin(this.#news, nowMs)) this.#begin(this.#news, nowMs);
		else if (this.#sent !== null && this.#retryAtMs !== null && nowMs >= this.#retryAtMs) this.#send(this.#sent, nowMs);
	}

	#isNew({ state }: AlertMessage): boolean {
		return state !== (this.#sent?.state ?? 'resolved');
	}

	#mayBegin({ state }: AlertMessage, nowMs: number): boolean {
		return state === 'resolved' || nowMs - this.#lastFiringMs >= FIRING_PAUSE_MS;
	}

	#begin(message: AlertMessage, nowMs: number): void {
		if (message.state === 'firing') this.#lastFiringMs = nowMs;
		this.#sent = message;
		this.#fails = 0;
		this.#send(message, nowMs);
	}

	#send(message: AlertMessage, nowMs: number): void {
		this.#inFlight = true;
		this.#retryAtMs = null;
		this.#delivery = 'waiting';
		void this.#deliver(message).then((fault) => {
			this.#inFlight = false;
			this.#trouble = fault;
			if (fault !== null) return this.#missed(fault, nowMs);
			this.#delivery = 'delivered';
			this.#told = { state: message.state, atMs: nowMs };
		});
	}

	/** The pause counts from when it was tried: a webhook that takes its time to fail is tried again the sooner. */
	#missed(fault: string, triedMs: number): void {
		const pauseMs = RETRY_PAUSES_MS[this.#fails];
		this.#fails += 1;
		if (pauseMs !== undefined) {
			this.#retryAtMs = triedMs + pauseMs;
			return;
		}
		this.#delivery = 'failed';
		this.#failed(fault);
	}
}
