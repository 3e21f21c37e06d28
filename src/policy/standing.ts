import type { Health, LiveState } from '../core/desk.ts';
import type { BackendSnapshot, PoolSnapshot } from '../core/snapshot.ts';

/**
 * Backends that are looked at together. What a backend is, its grade, is its place among these: primaries up,
 * not yet probed, down, then backups likewise.
 */
export interface Tier {
	readonly backup: boolean;
	/** Null: whatever it is. */
	readonly health: Health | null;
	readonly firstGrade: number;
	readonly lastGrade: number;
}

const GRADES: Readonly<Record<Health, number>> = { up: 0, unknown: 1, down: 2 };
const BACKUP = 3;
/** Of those that take no sessions. */
const NO_GRADE = 6;

const tier = (backup: boolean, health: Health | null): Tier => {
	const base = backup ? BACKUP : 0;
	if (health === null) return { backup, health, firstGrade: base, lastGrade: base + BACKUP - 1 };
	return { backup, health, firstGrade: base + GRADES[health], lastGrade: base + GRADES[health] };
};

/**
 * Backends are looked at in tiers, the first tier with any member decides: primaries that are up,
 * primaries not yet probed, then backups likewise. Backups also serve when the primaries have no room.
 */
export const TIERS: readonly Tier[] = [
	tier(false, 'up'),
	tier(false, 'unknown'),
	tier(true, 'up'),
	tier(true, 'unknown'),
];

/** In a panic: whoever takes sessions at all. */
export const PANIC_TIERS: readonly Tier[] = [tier(false, null), tier(true, null)];

/**
 * Which tier each backend of one pool stands in: written down once and good until the health of any backend
 * changes, so that a choice need not look at all of them.
 */
export class Standing {
	private readonly backends: readonly BackendSnapshot[];
	private readonly live: Pick<LiveState, 'health' | 'healthEpoch'>;
	private readonly grades: Uint8Array;
	private readonly members = new Int32Array(NO_GRADE + 1);
	private epoch: number | null = null;

	constructor({ backends }: PoolSnapshot, live: Pick<LiveState, 'health' | 'healthEpoch'>) {
		this.backends = backends;
		this.live = live;
		this.grades = new Uint8Array(backends.length);
	}

	/** Brings it up to date; as of then it answers until the next time. */
	look(): void {
		// Read first: what changes from here on shows in the next look.
		const epoch = this.live.healthEpoch();
		if (epoch === this.epoch) return;
		this.epoch = epoch;
		this.members.fill(0);
		for (const [index, backend] of this.backends.entries()) {
			const grade = this.gradeOf(backend);
			this.grades[index] = grade;
			this.members[grade] = (this.members[grade] ?? 0) + 1;
		}
	}

	isIn(index: number, { firstGrade, lastGrade }: Tier): boolean {
		const grade = this.grades[index] ?? NO_GRADE;
		return grade >= firstGrade && grade <= lastGrade;
	}

	hasMember({ firstGrade, lastGrade }: Tier): boolean {
		for (let grade = firstGrade; grade <= lastGrade; grade++) if ((this.members[grade] ?? 0) > 0) return true;
		return false;
	}

	private gradeOf({ weight, backup, slot }: BackendSnapshot): number {
		if (weight === 0) return NO_GRADE;
		return (backup ? BACKUP : 0) + GRADES[this.live.health(slot)];
	}
}
