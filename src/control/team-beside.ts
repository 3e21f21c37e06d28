import type { Snapshot } from '../core/snapshot.ts';
import type { Team, Teams } from './teams.ts';

/** How often is looked whether the last session of a team that is no longer needed is over. */
const LOOK_MS = 500;

export interface TeamBesideOptions {
	readonly teams: Teams;
	/** Calls back after so many milliseconds, until cancelled. */
	readonly every: (ms: number, run: () => void) => () => void;
	hire(team: Team): void;
	/** Sessions of its workers now. */
	sessionsOf(team: Team): number;
	/** Its workers listen nowhere and have no session: ends them, and resolves when that is done. */
	letGo(team: Team): Promise<void>;
}

/**
 * Has the workers of the second engine come when a listener needs it, and go when none does any more and their last
 * session is over: each takes memory for a whole runtime.
 */
export class TeamBeside {
	private readonly options: TeamBesideOptions;
	private hired = false;
	private cancelLook: (() => void) | null = null;
	private leaving: Promise<void> = Promise.resolve();

	constructor(options: TeamBesideOptions) {
		this.options = options;
	}

	/** Nobody is on the way out, and nobody leaves before the next `review`. */
	async settled(): Promise<void> {
		this.stop();
		await this.leaving;
	}

	/** This snapshot is about to be put in force. */
	prepare(snapshot: Snapshot): void {
		const { teams, hire } = this.options;
		if (this.hired || teams.beside === null || !teams.needsBeside(snapshot)) return;
		this.hired = true;
		hire(teams.beside);
	}

	/** This snapshot is in force. */
	review(snapshot: Snapshot | null): void {
		const { teams } = this.options;
		if (!this.hired || snapshot === null || teams.needsBeside(snapshot)) return;
		this.cancelLook ??= this.options.every(LOOK_MS, () => this.look());
	}

	/** Nobody is let go any more. */
	stop(): void {
		this.cancelLook?.();
		this.cancelLook = null;
	}

	private look(): void {
		const { teams, sessionsOf, letGo } = this.options;
		if (teams.beside === null || sessionsOf(teams.beside) > 0) return;
		this.stop();
		this.hired = false;
		this.leaving = letGo(teams.beside);
	}
}
