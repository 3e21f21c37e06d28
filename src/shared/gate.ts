import type { RelayGate } from '../core/session-io.ts';
import type { SlotRef } from '../core/snapshot.ts';
import type { Direction } from '../core/units.ts';
import { rateOf } from './bucket.ts';
import { type BucketKind, bucketAt, SHAPING_EPOCH } from './layout.ts';
import type { Scoreboard } from './scoreboard.ts';
import { type BucketRef, Throttle } from './throttle.ts';

/** The places whose buckets a session passes. */
export interface GatePath {
	readonly listener: SlotRef;
	readonly region: SlotRef | null;
	readonly pool: SlotRef;
	readonly backend: SlotRef;
}

/** Where a client's entry keeps its two accounts; see `ClientTable.bucketsAt`. */
export interface ClientAccounts {
	readonly words: Int32Array;
	readonly at: number;
}

/** Limits may change while one waits, so it looks again this often. */
const LOOK_AGAIN_NS = 500_000_000;

/**
 * One direction of one session before its buckets. While none of them has a limit it costs one load per
 * question; whenever terms have changed anywhere (the shaping epoch), it looks at its own again.
 */
export class Gate implements RelayGate {
	readyNs = 0;

	private readonly board: Scoreboard;
	private readonly path: GatePath;
	private readonly direction: Direction;
	private readonly client: ClientAccounts | null;
	private readonly epochWords: Int32Array | null;
	/** Before the first epoch no bucket anywhere has ever had a limit, so that there is nothing to look at. */
	private epoch = 0;
	private links = 0;
	private throttle: Throttle | null = null;
	/** The account of the connection's own bucket, once there was a limit. */
	private account: Int32Array | null = null;

	constructor(board: Scoreboard, path: GatePath, direction: Direction, client: ClientAccounts | null) {
		this.board = board;
		this.path = path;
		this.direction = direction;
		this.client = client;
		this.epochWords = board.pages[0]?.words ?? null;
	}

	ask(want: number, nowNs: number): number {
		const epoch = this.epochWords === null ? 0 : this.board.ops.load(this.epochWords, SHAPING_EPOCH);
		if (epoch !== this.epoch) this.look(epoch);
		if (this.throttle === null) return want;
		const allowed = this.throttle.ask(want, nowNs);
		if (allowed === 0) this.readyNs = Math.min(this.throttle.readyNs, nowNs + LOOK_AGAIN_NS);
		return allowed;
	}

	unused(bytes: number): void {
		this.throttle?.unused(bytes);
	}

	rest(): void {
		this.throttle?.rest();
	}

	private look(epoch: number): void {
		this.epoch = epoch;
		const chain = this.hasLimit() ? this.chain() : [];
		// A place without a slot any more is a link less; a chain as long as before is the same chain.
		if (this.throttle !== null && this.links === chain.length) return;
		this.throttle?.rest();
		this.links = chain.length;
		this.throttle = chain.length > 0 ? new Throttle(this.board.ops, chain) : null;
	}

	private hasLimit(): boolean {
		const { listener, region, pool, backend } = this.path;
		return (
			this.isLimited(listener, 'connection') ||
			(this.client !== null && this.isLimited(listener, 'client')) ||
			this.isLimited(backend, 'own') ||
			this.isLimited(pool, 'own') ||
			(region !== null && this.isLimited(region, 'own')) ||
			this.isLimited(listener, 'own')
		);
	}

	private isLimited(slot: SlotRef, kind: BucketKind): boolean {
		const page = this.board.pageFor(slot);
		return page !== null && rateOf(this.board.ops, page.words, bucketAt(slot.index, kind, this.direction)) > 0;
	}

	/** From the connection outward: narrow buckets are asked first, so that nobody waits holding a share of a wide one. */
	private chain(): BucketRef[] {
		const { listener, backend, pool, region } = this.path;
		this.account ??= new Int32Array(1);
		const { account, client } = this;
		const clientAt = (client?.at ?? 0) + (this.direction === 'upload' ? 0 : 1);
		const links = [
			this.link(listener, 'connection', { words: account, at: 0, own: true }),
			client === null ? null : this.link(listener, 'client', { words: client.words, at: clientAt, own: false }),
			this.link(backend, 'own', null),
			this.link(pool, 'own', null),
			region === null ? null : this.link(region, 'own', null),
			this.link(listener, 'own', null),
		];
		return links.filter((link) => link !== null);
	}

	/** `account` null: the slot keeps it beside the terms. Null when the slot is another's by now. */
	private link(
		slot: SlotRef,
		kind: BucketKind,
		account: { readonly words: Int32Array; readonly at: number; readonly own: boolean } | null,
	): BucketRef | null {
		const page = this.board.pageFor(slot);
		if (page === null) return null;
		const termsAt = bucketAt(slot.index, kind, this.direction);
		const terms = { termWords: page.words, termsAt };
		if (account === null) return { ...terms, stateWords: page.words, stateAt: termsAt };
		return { ...terms, stateWords: account.words, stateAt: account.at, own: account.own };
	}
}
