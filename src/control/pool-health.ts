import type { Health } from '../core/desk.ts';
import type { Clock } from '../core/ports.ts';
import {
	type ActiveHealth,
	type BackendSnapshot,
	type PoolSnapshot,
	type ProbeType,
	type SlotRef,
	slotKey,
} from '../core/snapshot.ts';
import { NS_PER_MS } from '../core/units.ts';
import { type EjectionEvent, Ejections } from '../policy/ejection.ts';
import { type Observed, observe, shownHealth, UNPROBED } from '../policy/health.ts';
import type { Total } from '../shared/layout.ts';
import type { Log } from './log.ts';
import type { ProbeResult } from './probe/request.ts';
import { ProbeSchedule, type ProbeSettings, type ScheduleParts } from './probe-schedule.ts';

/** The part of the scoreboard that health needs. */
export interface HealthBoard {
	setHealth(slot: SlotRef, health: Health): void;
	total(slot: SlotRef, total: Total): number;
}

/** What is known of a backend's health beside the scoreboard's word. */
export interface HealthDetail {
	readonly ejected: boolean;
	/** Since its health last changed; null: never. */
	readonly healthForMs: number | null;
	/** The last probe that failed, or the last ejection. `timeMs`: wall clock. */
	readonly lastError: { readonly timeMs: number; readonly reason: string } | null;
}

/** What the keepers of all pools share. */
export interface HealthHost {
	readonly board: HealthBoard;
	readonly log: Pick<Log, 'info' | 'warn'>;
	readonly clock: Pick<Clock, 'nowNs'>;
	wallMs(): number;
	/** A backend went up or down, or was ejected. */
	changed(what: 'up' | 'down' | 'ejected'): void;
	readonly schedule: ScheduleParts;
	/** Backends that the newest snapshot has no more, and how they looked; by `slotKey`. */
	readonly left: Map<string, { readonly slot: SlotRef; readonly health: Health }>;
}

/** Nobody asks: it counts as up. */
const NOT_WATCHED: Observed = { health: 'up', against: 0 };

/** What good probes found out. */
const ANSWERS: Readonly<Record<ProbeType['type'], string>> = {
	tcp: 'connect answered',
	tls: 'TLS handshake done',
	http: 'status as expected',
	script: 'script answered',
};

interface Kept {
	readonly key: string;
	backend: BackendSnapshot;
	observed: Observed;
	/** Since when it is what `observed` says. */
	sinceNs: number;
	probes: ProbeSchedule | null;
	/** The last probe could not even be tried, and that was told. */
	shortTold: boolean;
	/** Totals at the last look. */
	connectFailures: number;
	earlyResets: number;
	lastFailure: string;
	/** When its health last changed; null: not since it is kept. */
	changedNs: number | null;
	lastError: { readonly timeMs: number; readonly reason: string } | null;
}

/** The health of one pool's backends. */
export class PoolHealthKeeper {
	private readonly name: string;
	private readonly host: HealthHost;
	private readonly kept = new Map<string, Kept>();
	private readonly ejections = new Ejections();
	private active: ActiveHealth | null = null;
	private watched: boolean = false;

	constructor(name: string, host: HealthHost) {
		this.name = name;
		this.host = host;
	}

	/** `firstMs` says when the first probe of each new backend begins. */
	apply(pool: PoolSnapshot, firstMs: () => number): void {
		const { active, passive } = pool.health;
		const staying = new Set(pool.backends.map(({ slot }) => slotKey(slot)));
		for (const [key, kept] of this.kept) if (!staying.has(key)) this.letGo(kept);
		this.active = active;
		for (const backend of pool.backends) {
			const kept = this.keep(backend);
			if (passive === null || !this.watched) this.failuresSince(kept);
			if (active === null) this.trust(kept);
			else this.probe(kept, settingsOf(pool, backend, active), firstMs);
		}
		this.watched = passive !== null;
		this.tell(this.ejections.change([...staying], passive, this.nowNs()));
		for (const kept of this.kept.values()) this.show(kept);
	}

	/** Reads what sessions met since the last look; where that counts, ejects and takes back. */
	look(): void {
		const nowNs = this.nowNs();
		for (const kept of this.kept.values()) {
			const failures = this.failuresSince(kept);
			if (this.watched) this.ejections.note(kept.key, failures, nowNs);
		}
		if (!this.watched) return;
		this.tell(this.ejections.step(nowNs, (key) => this.kept.get(key)?.observed.health === 'down'));
	}

	/** The pool is gone. */
	retire(): void {
		for (const kept of this.kept.values()) this.letGo(kept);
	}

	stop(): void {
		for (const { probes } of this.kept.values()) probes?.stop();
	}

	private keep(backend: BackendSnapshot): Kept {
		const key = slotKey(backend.slot);
		const before = this.kept.get(key);
		if (before !== undefined) {
			before.backend = backend;
			return before;
		}
		const kept: Kept = {
			key,
			backend,
			observed: UNPROBED,
			sinceNs: this.nowNs(),
			probes: null,
			shortTold: false,
			connectFailures: 0,
			earlyResets: 0,
			lastFailure: '',
			changedNs: null,
			lastError: null,
		};
		this.kept.set(key, kept);
		this.host.left.delete(key);
		this.failuresSince(kept);
		// What was counted before it was watched is nobody's news.
		kept.lastError = null;
		return kept;
	}

	private letGo(kept: Kept): void {
		kept.probes?.stop();
		this.kept.delete(kept.key);
		this.host.left.set(kept.key, { slot: kept.backend.slot, health: this.shownHealthOf(kept) });
	}

	// --- probes ---

	private trust(kept: Kept): void {
		kept.probes?.stop();
		kept.probes = null;
		if (kept.observed.health === 'down') this.tellFlip(kept, 'up', 'probes are off');
		this.become(kept, NOT_WATCHED);
	}

	private probe(kept: Kept, settings: ProbeSettings, firstMs: () => number): void {
		if (kept.probes !== null) return kept.probes.change(settings);
		this.become(kept, UNPROBED);
		const first = Math.min(firstMs(), settings.intervalMs);
		kept.probes = new ProbeSchedule(settings, first, this.host.schedule, (result) => this.heard(kept, result));
	}

	private heard(kept: Kept, result: ProbeResult): void {
		if (this.active === null) return;
		if (result.type === 'none') return this.tellShort(kept, result.reason);
		kept.shortTold = false;
		const { active } = this;
		const good = result.type === 'good';
		if (result.type === 'bad') this.noteError(kept, result.reason);
		const next = observe(kept.observed, good, active);
		if (next.health !== kept.observed.health) {
			const times = kept.observed.health === 'unknown' ? 'first probe' : `${good ? active.rise : active.fall} in a row`;
			this.tellFlip(kept, next.health, `${good ? ANSWERS[active.probe.type] : result.reason}, ${times}`);
		}
		this.become(kept, next);
		this.show(kept);
	}

	private become(kept: Kept, next: Observed): void {
		if (next.health !== kept.observed.health) {
			kept.sinceNs = this.nowNs();
			kept.changedNs = kept.sinceNs;
		}
		kept.observed = next;
	}

	// --- what sessions met ---

	/** Failures that the workers have counted since this was last asked. */
	private failuresSince(kept: Kept): number {
		const { board } = this.host;
		const { slot } = kept.backend;
		const connects = board.total(slot, 'connectFailures');
		const resets = board.total(slot, 'earlyResets');
		const added = connects - kept.connectFailures + resets - kept.earlyResets;
		if (added > 0) {
			kept.lastFailure = resets > kept.earlyResets ? 'a reset before the first byte' : 'a failed connect';
			this.noteError(kept, kept.lastFailure);
		}
		kept.connectFailures = connects;
		kept.earlyResets = resets;
		return added;
	}

	private tell(events: readonly EjectionEvent[]): void {
		for (const event of events) {
			const kept = this.kept.get(event.member);
			if (kept === undefined) continue;
			this.show(kept);
			const who = this.fieldsOf(kept);
			if (event.type === 'ejected') {
				const reason = `${event.failures} failures of sessions, the last one ${kept.lastFailure}`;
				this.noteError(kept, reason);
				this.host.changed('ejected');
				this.host.log.warn('backend ejected', { ...who, reason, forMs: event.forMs, inARow: event.inARow });
			} else {
				const reason = event.early ? 'the pool or its settings changed' : 'its time is over';
				const afterMs = Math.round(event.afterMs);
				this.host.log.info('backend returned', { ...who, reason, afterMs, health: kept.observed.health });
			}
		}
	}

	/** What an operator may want to know of a backend beside its health; null: not one of this pool. */
	detailOf(slot: SlotRef): HealthDetail | null {
		const kept = this.kept.get(slotKey(slot));
		if (kept === undefined) return null;
		const { changedNs, lastError } = kept;
		const healthForMs = changedNs === null ? null : (this.nowNs() - changedNs) / NS_PER_MS;
		return { ejected: this.ejections.isEjected(kept.key), healthForMs, lastError };
	}

	private noteError(kept: Kept, reason: string): void {
		kept.lastError = { timeMs: this.host.wallMs(), reason };
	}

	// --- scoreboard and log ---

	private show(kept: Kept): void {
		this.host.board.setHealth(kept.backend.slot, this.shownHealthOf(kept));
	}

	private shownHealthOf(kept: Kept): Health {
		return shownHealth(kept.observed.health, this.ejections.isEjected(kept.key));
	}

	private tellFlip(kept: Kept, to: Health, reason: string): void {
		if (to !== 'unknown') this.host.changed(to);
		const fields = { ...this.fieldsOf(kept), reason };
		const from = kept.observed.health;
		if (from === 'unknown') this.host.log[to === 'up' ? 'info' : 'warn'](`backend ${to}`, fields);
		else {
			const lasted = { [`${from}Ms`]: Math.round((this.nowNs() - kept.sinceNs) / NS_PER_MS) };
			this.host.log[to === 'up' ? 'info' : 'warn'](`backend ${to}`, { ...fields, ...lasted });
		}
	}

	private tellShort(kept: Kept, reason: string): void {
		if (kept.shortTold) return;
		kept.shortTold = true;
		this.host.log.warn('cannot probe', { ...this.fieldsOf(kept), reason });
	}

	private fieldsOf(kept: Kept): { pool: string; backend: string } {
		return { pool: this.name, backend: kept.backend.name };
	}

	private nowNs(): number {
		return this.host.clock.nowNs();
	}
}

function settingsOf(pool: PoolSnapshot, backend: BackendSnapshot, active: ActiveHealth): ProbeSettings {
	const { probe, intervalMs, timeoutMs, port } = active;
	const { sourceAddress, proxyProtocol, tls } = pool;
	const { target, hostName } = backend;
	const probed = target.type === 'tcp' && port !== null ? { ...target, port } : target;
	return { probe, target: probed, hostName, sourceAddress, proxyProtocol, tls, timeoutMs, intervalMs };
}
