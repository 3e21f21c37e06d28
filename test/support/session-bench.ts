import type { IpAddress } from '../../src/core/address.ts';
import type { AccessRecord } from '../../src/core/record.ts';
import type { SessionAction, SessionEvent } from '../../src/core/session-io.ts';
import type { SlotRef, Snapshot } from '../../src/core/snapshot.ts';
import { NS_PER_MS } from '../../src/core/units.ts';
import { parseAddress } from '../../src/policy/address.ts';
import { makeGeoReader } from '../../src/policy/geo.ts';
import { makeWorld, type World } from '../../src/policy/world.ts';
import type { SessionContext, Tally } from '../../src/session/context.ts';
import { HeldClients } from '../../src/session/held.ts';
import { Session } from '../../src/session/session.ts';
import { createStats, StatsWriter } from '../../src/shared/stats.ts';
import { FakeBoard, FakeDesk } from './fake-desk.ts';

/** The address of a literal; throws on a bad one. */
export function ip(text: string): IpAddress {
	const address = parseAddress(text);
	if (address === null) throw new Error(`not an address: ${text}`);
	return address;
}

export interface BenchMeter {
	uploadBytes: number;
	downloadBytes: number;
	lastByteNs: number;
	throttledNs: number;
	throttledSinceNs: number;
}

export const newMeter = (): BenchMeter => ({
	uploadBytes: 0,
	downloadBytes: 0,
	lastByteNs: 0,
	throttledNs: 0,
	throttledSinceNs: 0,
});

/** One worker's surroundings without sockets: time moves when a test says so, chance is a constant. */
export class SessionBench {
	readonly board = new FakeBoard();
	readonly records: AccessRecord[] = [];
	readonly connects: { slot: SlotRef; ok: boolean }[] = [];
	readonly earlyResets: SlotRef[] = [];
	readonly evicted: object[] = [];
	/** What each session that ended added to the totals: its places, upload and download. */
	readonly totals: Parameters<Tally['ended']>[] = [];
	readonly context: SessionContext & { world: World };
	readonly stats = createStats();
	private lastNumber = 0;
	nowNs = 1_000 * NS_PER_MS;

	constructor(snapshot: Snapshot, heldCap = 1000) {
		const geo = makeGeoReader(snapshot.geo, { country: () => null });
		this.context = {
			world: makeWorld(snapshot, { live: this.board, geo, rng: () => 0.5 }),
			host: {
				clock: { wallMs: () => 42 },
				records: { access: (record) => void this.records.push(record), log: () => {} },
				tally: {
					connect: (slot, ok) => void this.connects.push({ slot, ok }),
					earlyReset: (slot) => void this.earlyResets.push(slot),
					moved: () => {},
					refused: () => {},
					ended: (...totals) => void this.totals.push(totals),
				},
				stats: new StatsWriter(this.stats),
				nextNumber: () => {
					this.lastNumber += 1;
					return this.lastNumber;
				},
				held: new HeldClients(heldCap, 1, (session) => void this.evicted.push(session)),
				openDesk: () => new FakeDesk(this.board),
			},
		};
	}

	open(peer: string | null = '192.0.2.1', listener = 0): BenchSession {
		return new BenchSession(this, peer === null ? null : ip(peer), listener);
	}

	pass(ms: number): void {
		this.nowNs += ms * NS_PER_MS;
	}
}

/** Where clients connect. */
const LOCAL = { address: ip('192.0.2.254'), port: 443 };

/** A session with its meter; `send` answers the actions in short words. */
export class BenchSession {
	readonly meter: BenchMeter = newMeter();
	readonly session: Session;
	private readonly bench: SessionBench;

	constructor(bench: SessionBench, peer: IpAddress | null, listener: number) {
		this.bench = bench;
		const facts = { listener, peer: { address: peer, port: 4000 }, local: peer === null ? null : LOCAL };
		this.session = new Session(bench.context, facts, this.meter, bench.nowNs);
	}

	send(event: SessionEvent): string[] {
		return this.act(event).map(inWords);
	}

	/** As `send`, with the actions as they are. */
	act(event: SessionEvent): SessionAction[] {
		const out: SessionAction[] = [];
		this.session.handle(event, this.bench.nowNs, out);
		return out;
	}

	/** Moves time to the session's deadline and tells it. */
	expire(): string[] {
		return this.actAtDeadline().map(inWords);
	}

	actAtDeadline(): SessionAction[] {
		if (this.session.deadlineNs === Number.POSITIVE_INFINITY) throw new Error('no deadline is set');
		this.bench.nowNs = this.session.deadlineNs;
		return this.act({ type: 'deadline' });
	}

	/** Milliseconds until the deadline. */
	get dueInMs(): number {
		return (this.session.deadlineNs - this.bench.nowNs) / NS_PER_MS;
	}

	byte(): void {
		this.meter.lastByteNs = this.bench.nowNs;
		this.meter.uploadBytes += 1;
	}
}

export function inWords(action: SessionAction): string {
	switch (action.type) {
		case 'connect':
			return `connect ${action.backend.name}`;
		case 'shutdown':
		case 'flush':
			return `${action.type} ${action.side}`;
		case 'close':
			return `close ${action.manner}`;
		default:
			return action.type;
	}
}
