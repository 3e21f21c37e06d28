import type { PassiveHealth } from '../core/snapshot.ts';
import { NS_PER_MS } from '../core/units.ts';

/** Each ejection in a row lasts twice as long as the one before, up to so many times the first. */
export const MAX_FACTOR = 10;
/** So many times `eject` after its return without another ejection, a backend starts from the base again. */
export const FORGIVEN_AFTER = 10;
/** Failures are remembered in so many parts of `within`: one may be forgotten by such a part too early. */
const PARTS = 32;

export type EjectionEvent =
	| {
			readonly type: 'ejected';
			readonly member: string;
			readonly failures: number;
			readonly forMs: number;
			/** How many in a row, this one included. */
			readonly inARow: number;
	  }
	/** `early`: the pool or its settings changed, so that it may not be ejected any longer. */
	| { readonly type: 'returned'; readonly member: string; readonly afterMs: number; readonly early: boolean };

/** How many of a pool's backends may be ejected at once: the share, rounded down. */
export const mostEjected = (members: number, share: number): number => Math.floor(members * share + 1e-9);

interface Member {
	readonly name: string;
	/** Failures of the recent past, oldest first. */
	recent: { readonly sinceNs: number; count: number }[];
	ejected: { readonly sinceNs: number; readonly untilNs: number } | null;
	inARow: number;
	returnedNs: number;
}

/**
 * Passive health of one pool: who had `failures` failures within `within` is ejected for `eject`, longer
 * each time, and never more than `maxEjected` of the pool at once. Those that fail while nobody more may go are ejected
 * when there is room again, if their failures still count then. The time is an argument and must not go back.
 */
export class Ejections {
	private readonly members = new Map<string, Member>();
	private rules: PassiveHealth | null = null;

	/** The pool as it is from now on. Members that stay keep what is known of them; those that left are forgotten. */
	change(names: readonly string[], rules: PassiveHealth | null, nowNs: number): EjectionEvent[] {
		this.rules = rules;
		const staying = new Set(names);
		for (const name of this.members.keys()) if (!staying.has(name)) this.members.delete(name);
		for (const name of names) if (!this.members.has(name)) this.members.set(name, newMember(name));
		return this.returnSurplus(nowNs);
	}

	isEjected(name: string): boolean {
		return (this.members.get(name)?.ejected ?? null) !== null;
	}

	/** These failures happened just now. What fails while it is ejected, the end of older sessions, does not count. */
	note(name: string, failures: number, nowNs: number): void {
		const member = this.members.get(name);
		if (member === undefined || member.ejected !== null || this.rules === null || failures <= 0) return;
		const last = member.recent.at(-1);
		const partNs = (this.rules.withinMs * NS_PER_MS) / PARTS;
		if (last !== undefined && nowNs - last.sinceNs < partNs) last.count += failures;
		else member.recent.push({ sinceNs: nowNs, count: failures });
	}

	/** Who is ejected and who returns at this instant. `downAnyway`: shown as down already; it need not be ejected. */
	step(nowNs: number, downAnyway: (name: string) => boolean): EjectionEvent[] {
		const { rules } = this;
		if (rules === null) return [];
		const returned = this.returnDue(nowNs);
		const due: { member: Member; failures: number }[] = [];
		for (const member of this.members.values()) {
			if (member.recent.length === 0) continue;
			if (downAnyway(member.name)) member.recent = [];
			const failures = failuresWithin(member, nowNs - rules.withinMs * NS_PER_MS);
			if (failures >= rules.failures) due.push({ member, failures });
		}
		if (due.length === 0) return returned;
		due.sort((a, b) => b.failures - a.failures);
		const room = Math.max(0, mostEjected(this.members.size, rules.maxEjected) - this.ejectedNow().length);
		return [...returned, ...due.slice(0, room).map(({ member, failures }) => eject(member, failures, rules, nowNs))];
	}

	private returnDue(nowNs: number): EjectionEvent[] {
		return this.ejectedNow()
			.filter(({ ejected }) => ejected !== null && nowNs >= ejected.untilNs)
			.map((member) => giveBack(member, nowNs, false));
	}

	/** More are out than may be, since the pool is smaller or its settings changed: the first to return go now. */
	private returnSurplus(nowNs: number): EjectionEvent[] {
		const most = this.rules === null ? 0 : mostEjected(this.members.size, this.rules.maxEjected);
		const out = this.ejectedNow();
		out.sort((a, b) => (a.ejected?.untilNs ?? 0) - (b.ejected?.untilNs ?? 0));
		return out.slice(0, Math.max(0, out.length - most)).map((member) => giveBack(member, nowNs, true));
	}

	private ejectedNow(): Member[] {
		return [...this.members.values()].filter(({ ejected }) => ejected !== null);
	}
}

const newMember = (name: string): Member => ({
	name,
	recent: [],
	ejected: null,
	inARow: 0,
	returnedNs: Number.NEGATIVE_INFINITY,
});

function failuresWithin(member: Member, sinceNs: number): number {
	member.recent = member.recent.filter((part) => part.sinceNs > sinceNs);
	return member.recent.reduce((sum, part) => sum + part.count, 0);
}

function eject(member: Member, failures: number, rules: PassiveHealth, nowNs: number): EjectionEvent {
	const { name } = member;
	if (nowNs - member.returnedNs >= FORGIVEN_AFTER * rules.ejectMs * NS_PER_MS) member.inARow = 0;
	member.inARow += 1;
	const forMs = rules.ejectMs * Math.min(2 ** (member.inARow - 1), MAX_FACTOR);
	member.recent = [];
	member.ejected = { sinceNs: nowNs, untilNs: nowNs + forMs * NS_PER_MS };
	return { type: 'ejected', member: name, failures, forMs, inARow: member.inARow };
}

function giveBack(member: Member, nowNs: number, early: boolean): EjectionEvent {
	const afterMs = (nowNs - (member.ejected?.sinceNs ?? nowNs)) / NS_PER_MS;
	member.ejected = null;
	member.returnedNs = nowNs;
	return { type: 'returned', member: member.name, afterMs, early };
}
