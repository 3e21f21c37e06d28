import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LoadResult } from './load/load.ts';

interface State {
	/** Of what was measured how; samples under another one are not comparable. */
	readonly fingerprint: string;
	/** By workload and contender, in order of the rounds. */
	readonly samples: Record<string, LoadResult[]>;
}

/** Every measurement taken so far, kept in a file after each, so that a run that was ended goes on where it stopped. */
export class Samples {
	readonly #file: string;
	readonly #state: State;
	/** Samples that an earlier run has left. */
	readonly resumed: number;

	constructor(file: string, fingerprint: string, fresh: boolean) {
		this.#file = file;
		const kept = fresh ? null : readState(file);
		this.#state = kept?.fingerprint === fingerprint ? kept : { fingerprint, samples: {} };
		this.resumed = Object.values(this.#state.samples).reduce((sum, list) => sum + list.length, 0);
	}

	of(workload: string, contender: string): readonly LoadResult[] {
		return this.#state.samples[keyOf(workload, contender)] ?? [];
	}

	add(workload: string, contender: string, sample: LoadResult): void {
		const key = keyOf(workload, contender);
		this.#state.samples[key] = [...this.of(workload, contender), sample];
		mkdirSync(dirname(this.#file), { recursive: true });
		// A run may be ended at any instant; half a file would lose all.
		writeFileSync(`${this.#file}.next`, JSON.stringify(this.#state));
		renameSync(`${this.#file}.next`, this.#file);
	}

	/** The run is complete and its results are written. */
	remove(): void {
		rmSync(this.#file, { force: true });
	}
}

const keyOf = (workload: string, contender: string): string => `${workload} ${contender}`;

function readState(file: string): State | null {
	if (!existsSync(file)) return null;
	try {
		return JSON.parse(readFileSync(file, 'utf8')) as State;
	} catch {
		return null;
	}
}
