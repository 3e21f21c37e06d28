import type { AtomicOps } from './atomics.ts';
import {
	BUCKET_AT,
	burstOf,
	fillBucket,
	forgetDebt,
	giveBack,
	levelOf,
	MAX_AHEAD_TICKS,
	OVERBOOKED,
	rateOf,
	reserve,
	TICK_NS,
	ticksFor,
	ticksOf,
	versionOf,
} from './bucket.ts';

/**
 * A quantum is what the slowest bucket of a chain moves in this time, or what it has saved up if that is more,
 * within the bounds below. The latter lets a session that waits long for its turn at a crowded bucket take in
 * one turn what its own, narrower buckets have earned meanwhile.
 */
const QUANTUM_SECONDS = 0.01;
const MIN_QUANTUM_BYTES = 512;
const MAX_QUANTUM_BYTES = 256 * 1024;
/** How long after its turn a session still counts as waiting: timers and busy loops come late. */
const MAX_LATE_TICKS = 10_000_000 / TICK_NS;
/** When a bucket is overbooked, look again after this long. */
const OVERBOOKED_RETRY_NS = 1_000_000_000;

/**
 * One link of a chain. `terms` is where the limit stands, `state` where the instant stands: for a client or a
 * connection the listener's slot says how much, and the client's entry, or the session itself, keeps the account.
 */
export interface BucketRef {
	readonly termWords: Int32Array;
	readonly termsAt: number;
	readonly stateWords: Int32Array;
	readonly stateAt: number;
	/** The account is this session's alone: it is opened, and freed of debt when the terms change, by the session. */
	readonly own?: boolean;
}

/** A version that no bucket has. */
const NEVER_SEEN = -1;

/**
 * One direction of one session on its way through its buckets, from the connection outward: a quantum is
 * reserved from one bucket and waited for, then from the next. At most one reservation is outstanding, and
 * what passes is handed out from the quantum until it is used up.
 *
 * Limits are read from shared memory at each reservation, so that a change reaches live sessions at once.
 */
export class Throttle {
	/** When to ask again after `ask` answered 0; monotonic. */
	readyNs = 0;

	private readonly ops: AtomicOps;
	private readonly chain: readonly BucketRef[];
	/** Bytes of the current quantum that may pass now. */
	private credit = 0;
	/** The quantum that is on its way through the chain; 0: none. */
	private quantum = 0;
	/** What the links were charged for, also when it is through. */
	private size = 0;
	private link = 0;
	/** What each link was charged for the current quantum, in ticks, and the part of a tick still owed to it. */
	private readonly charged: Int32Array;
	private readonly owed: Float64Array;
	/** The terms under which each link was last charged. */
	private readonly versions: Int32Array;
	/** When the account that is this session's own was last looked at; NaN: it is not open. */
	private ownSeenNs = Number.NaN;
	/** When the last wait was to end, in ticks; `waited` says whether there was one. */
	private dueTicks = 0;
	private waited = false;

	constructor(ops: AtomicOps, chain: readonly BucketRef[]) {
		this.ops = ops;
		this.chain = chain;
		this.charged = new Int32Array(chain.length);
		this.owed = new Float64Array(chain.length);
		this.versions = new Int32Array(chain.length).fill(NEVER_SEEN);
	}

	/**
	 * How many of `want` bytes may pass now; the caller moves them, or gives the rest back. 0: none, ask again
	 * at `readyNs`.
	 */
	ask(want: number, nowNs: number): number {
		if (this.credit === 0 && !this.advance(want, nowNs)) return 0;
		const allowed = Math.min(want, this.credit);
		this.credit -= allowed;
		return allowed;
	}

	/** Bytes that `ask` allowed and that were not moved after all. */
	unused(bytes: number): void {
		this.credit += bytes;
	}

	/** The direction has nothing to send for now, or has ended: what is reserved goes back to the others. */
	rest(): void {
		const kept = this.quantum > 0 ? this.quantum : this.credit;
		if (kept > 0) this.refund(kept);
		this.credit = 0;
		this.quantum = 0;
		this.link = 0;
		this.waited = false;
	}

	/** Takes the quantum from link to link; true when it is through. */
	private advance(want: number, nowNs: number): boolean {
		const nowTicks = ticksOf(nowNs);
		if (this.quantum > 0 && nowNs < this.readyNs && this.waitIsVoid()) this.rest();
		if (this.quantum === 0) this.start(want, nowNs);
		else if (nowNs < this.readyNs) return false;
		while (this.link < this.chain.length) {
			const wait = this.charge(this.link, nowTicks);
			if (wait === OVERBOOKED) {
				this.readyNs = nowNs + OVERBOOKED_RETRY_NS;
				return false;
			}
			this.link += 1;
			if (wait > 0) {
				this.dueTicks = (nowTicks + wait) | 0;
				this.readyNs = nowNs + wait * TICK_NS;
				this.waited = true;
				return false;
			}
		}
		this.credit = this.quantum;
		this.quantum = 0;
		this.link = 0;
		return true;
	}

	/** A limit that the quantum was charged by has changed: what the wait rests on counts no more. */
	private waitIsVoid(): boolean {
		for (let link = 0; link < this.link; link++) {
			const bucket = this.chain[link];
			if (bucket !== undefined && !this.isCurrent(bucket, link)) return true;
		}
		return false;
	}

	private isCurrent({ termWords, termsAt }: BucketRef, link: number): boolean {
		return versionOf(this.ops, termWords, termsAt) === this.versions[link];
	}

	private start(want: number, nowNs: number): void {
		const nowTicks = ticksOf(nowNs);
		let quantum = MAX_QUANTUM_BYTES;
		for (let link = 0; link < this.chain.length; link++) {
			const bucket = this.chain[link];
			if (bucket === undefined) continue;
			const { termWords, termsAt, stateWords, stateAt } = bucket;
			const rate = rateOf(this.ops, termWords, termsAt);
			if (bucket.own === true) this.keepOwn(bucket, link, rate, nowNs);
			if (rate === 0) continue;
			const burst = burstOf(this.ops, termWords, termsAt);
			const saved = levelOf(this.ops, stateWords, stateAt, nowTicks, rate, burst);
			quantum = Math.min(quantum, Math.max(MIN_QUANTUM_BYTES, Math.ceil(rate * QUANTUM_SECONDS), Math.floor(saved)));
		}
		this.quantum = Math.min(want, quantum);
		this.size = this.quantum;
		this.link = 0;
	}

	/** For an account that nobody else keeps: what the main thread does for those in shared memory. */
	private keepOwn(bucket: BucketRef, link: number, rate: number, nowNs: number): void {
		const { stateWords, stateAt } = bucket;
		const nowTicks = ticksOf(nowNs);
		if (rate > 0) {
			// In plain numbers: a session may have been silent for longer than ticks can tell.
			const behindThen = (ticksOf(this.ownSeenNs) - this.ops.load(stateWords, stateAt)) | 0;
			const behind = behindThen + (nowNs - this.ownSeenNs) / TICK_NS;
			if (!(behind < MAX_AHEAD_TICKS)) fillBucket(this.ops, stateWords, stateAt, nowTicks);
			else if (!this.isCurrent(bucket, link)) forgetDebt(this.ops, stateWords, stateAt, nowTicks);
		}
		this.ownSeenNs = rate > 0 ? nowNs : Number.NaN;
	}

	/** Reserves the quantum from one link; answers the wait in ticks. */
	private charge(link: number, nowTicks: number): number {
		const bucket = this.chain[link];
		if (bucket === undefined) return 0;
		// Before the rate: see `setTerms`.
		this.versions[link] = versionOf(this.ops, bucket.termWords, bucket.termsAt);
		const rate = rateOf(this.ops, bucket.termWords, bucket.termsAt);
		this.charged[link] = 0;
		if (rate === 0) return 0;
		const exact = (this.quantum / rate) * (1e9 / TICK_NS) + (this.owed[link] ?? 0);
		const cost = Math.floor(exact);
		const burst = ticksFor(burstOf(this.ops, bucket.termWords, bucket.termsAt), rate);
		const stateAt = bucket.stateAt + BUCKET_AT;
		const wait = reserve(this.ops, bucket.stateWords, stateAt, nowTicks, cost, burst, this.lateBy(nowTicks));
		if (wait === OVERBOOKED) return wait;
		this.charged[link] = cost;
		this.owed[link] = exact - cost;
		return wait;
	}

	/** How far beyond the end of its last wait this session is: so long it wanted to send and was not idle. */
	private lateBy(nowTicks: number): number {
		if (!this.waited) return 0;
		const late = (nowTicks - this.dueTicks) | 0;
		return late > 0 && late < MAX_LATE_TICKS ? late : 0;
	}

	/** Gives the unused part of the last quantum back to every link that was charged for it, at today's terms. */
	private refund(bytes: number): void {
		const links = this.quantum > 0 ? this.link : this.chain.length;
		for (let link = 0; link < links; link++) {
			const bucket = this.chain[link];
			if (bucket === undefined || !this.isCurrent(bucket, link)) continue;
			const ticks = Math.floor(((this.charged[link] ?? 0) * bytes) / this.size);
			giveBack(this.ops, bucket.stateWords, bucket.stateAt + BUCKET_AT, ticks);
			this.charged[link] = 0;
		}
	}
}
