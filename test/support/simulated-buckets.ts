import type { RelayGate, RelayGates } from '../../src/core/session-io.ts';
import type { BucketLimit, Snapshot } from '../../src/core/snapshot.ts';
import { type Direction, NS_PER_MS, NS_PER_SECOND } from '../../src/core/units.ts';
import type { Agenda } from './agenda.ts';
import type { BenchMeter } from './session-bench.ts';

/** How much later than asked for a timer of the simulation fires, at the most. */
const LATE_NS = NS_PER_MS;
/** The largest portion that passes at once where nothing is saved: see `shared/throttle.ts`. */
const portionOf = ({ bytesPerSecond }: BucketLimit): number => Math.max(512, Math.ceil(bytesPerSecond / 100));

/** One bucket as an outsider counts it: what it may have given by now, at the most. */
class Account {
	/** Bytes that may still pass. */
	private level = 0;
	private seenNs = 0;
	private limit: BucketLimit | null = null;

	/** A new limit starts full; a changed one without the debt of the old. */
	change(limit: BucketLimit | null, nowNs: number): void {
		this.earn(nowNs);
		if (limit?.bytesPerSecond === this.limit?.bytesPerSecond) return;
		if (limit !== null) this.level = this.limit === null ? limit.burstBytes : Math.max(this.level, 0);
		this.limit = limit;
		this.seenNs = nowNs;
	}

	/** Answers how many bytes more than the limit allows have passed, with a portion for each of `holders`. */
	pass(bytes: number, holders: number, nowNs: number): number {
		if (this.limit === null) return 0;
		this.earn(nowNs);
		this.level -= bytes;
		const { bytesPerSecond } = this.limit;
		const allowed = portionOf(this.limit) * holders + bytesPerSecond * (LATE_NS / NS_PER_SECOND);
		return -this.level - allowed;
	}

	private earn(nowNs: number): void {
		if (this.limit === null) return;
		const { bytesPerSecond, burstBytes } = this.limit;
		const earned = ((nowNs - this.seenNs) / NS_PER_SECOND) * bytesPerSecond;
		this.level = Math.min(this.level + earned, burstBytes);
		this.seenNs = nowNs;
	}
}

/** Holds what passes in a simulation against the limits of the configuration, whatever the scoreboard says. */
export class BucketWatch {
	private readonly accounts = new Map<string, Account>();
	private readonly fault: (text: string) => void;
	/** Directions that wait for a gate: now, and at the most. */
	private waiting = 0;
	mostWaiting = 0;
	/** Bytes that have passed. */
	passedBytes = 0;

	constructor(fault: (text: string) => void) {
		this.fault = fault;
	}

	/** These limits are in force from now on. */
	apply(snapshot: Snapshot, nowNs: number): void {
		for (const direction of ['upload', 'download'] as const) {
			for (const { name, shaping } of snapshot.listeners) {
				this.accountOf(`listener ${name}`, direction).change(shaping.listener[direction], nowNs);
			}
			for (const { name, shaping } of snapshot.pools) {
				this.accountOf(`pool ${name}`, direction).change(shaping[direction], nowNs);
			}
		}
	}

	/**
	 * The listener's bucket is asked last: what it allows passes. What the pool's has allowed may still wait for the
	 * listener, a portion for each session, or have been promised at an older rate.
	 */
	passed(listener: string, pool: string, direction: Direction, bytes: number, nowNs: number): void {
		this.passedBytes += bytes;
		this.check(`listener ${listener}`, direction, bytes, 1, nowNs);
		this.check(`pool ${pool}`, direction, bytes, 1 + this.mostWaiting, nowNs);
	}

	/** A direction more (or less) waits for a gate. */
	wait(change: 1 | -1): void {
		this.waiting += change;
		this.mostWaiting = Math.max(this.mostWaiting, this.waiting);
	}

	private check(name: string, direction: Direction, bytes: number, holders: number, nowNs: number): void {
		const excess = this.accountOf(name, direction).pass(bytes, holders, nowNs);
		if (excess > 0) this.fault(`the ${direction} bucket of ${name} has given ${Math.round(excess)} bytes too many`);
	}

	private accountOf(name: string, direction: Direction): Account {
		const key = `${name} ${direction}`;
		const account = this.accounts.get(key) ?? new Account();
		this.accounts.set(key, account);
		return account;
	}
}

/** What simulated flows need of their simulation. */
export interface FlowHost {
	readonly agenda: Agenda;
	readonly bucketWatch: BucketWatch;
	ms(most: number): number;
}

/** The bytes of one simulated relay: either side has so many at once, and moves what its gate lets pass. */
export class SimFlows {
	private readonly flows: readonly SimFlow[];

	constructor(host: FlowHost, gates: RelayGates, meter: BenchMeter, listener: string, pool: string) {
		const passed = (direction: Direction, bytes: number): void => {
			meter.lastByteNs = host.agenda.nowNs;
			if (direction === 'upload') meter.uploadBytes += bytes;
			else meter.downloadBytes += bytes;
			host.bucketWatch.passed(listener, pool, direction, bytes, host.agenda.nowNs);
		};
		const held = (): void => {
			const waiting = this.flows.some((flow) => flow.waiting);
			meter.throttledSinceNs = waiting ? meter.throttledSinceNs || host.agenda.nowNs : 0;
		};
		this.flows = [
			new SimFlow(host, gates.upload, Math.ceil(host.ms(4_000) / NS_PER_MS), (n) => passed('upload', n), held),
			new SimFlow(host, gates.download, Math.ceil(host.ms(20_000) / NS_PER_MS), (n) => passed('download', n), held),
		];
	}

	start(): void {
		for (const flow of this.flows) flow.pump();
	}

	/** In good order: what is reserved goes back. */
	stop(): void {
		for (const flow of this.flows) flow.stop();
	}

	/** Without a word, as when the worker dies. */
	vanish(): void {
		for (const flow of this.flows) flow.vanish();
	}
}

class SimFlow {
	waiting = false;
	private readonly host: FlowHost;
	private readonly gate: RelayGate;
	private readonly passed: (bytes: number) => void;
	private readonly held: () => void;
	private left: number;
	private over = false;

	constructor(host: FlowHost, gate: RelayGate, bytes: number, passed: (bytes: number) => void, held: () => void) {
		this.host = host;
		this.gate = gate;
		this.left = bytes;
		this.passed = passed;
		this.held = held;
	}

	pump(): void {
		const { agenda } = this.host;
		while (!this.over && this.left > 0) {
			const allowed = this.gate.ask(this.left, agenda.nowNs);
			this.wait(allowed === 0);
			if (allowed === 0) return agenda.at(this.gate.readyNs + this.host.ms(LATE_NS / NS_PER_MS), () => this.pump());
			this.left -= allowed;
			this.passed(allowed);
		}
	}

	stop(): void {
		this.vanish();
		this.gate.rest();
	}

	vanish(): void {
		this.over = true;
		this.wait(false);
	}

	private wait(waiting: boolean): void {
		if (waiting === this.waiting) return;
		this.waiting = waiting;
		this.host.bucketWatch.wait(waiting ? 1 : -1);
		this.held();
	}
}
