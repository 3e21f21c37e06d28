import { formatTarget } from '../core/address.ts';
import type { EngineName } from '../core/ports.ts';
import type { BindSnapshot, ListenerSnapshot, Snapshot } from '../core/snapshot.ts';

/** The workers of one engine. */
export interface Team {
	readonly engine: EngineName;
	/** Their numbers in the process. */
	readonly numbers: readonly number[];
}

/** What a team may not listen on for now, by `formatTarget`. */
export type Withheld = ReadonlySet<string>;

/**
 * The engines of one process and their workers. Where a native engine runs, the engine on `node:net` stands beside it
 * for the listeners that need it, on as many workers of its own; these are numbered behind the others.
 */
export class Teams {
	/** Serves every listener that does not need another engine. */
	readonly main: Team;
	/** Runs only while a listener needs it; null: the main one is of its kind. */
	readonly beside: Team | null;

	/** `workers`: of each engine. */
	constructor(engine: EngineName, workers: number) {
		this.main = { engine, numbers: numbersFrom(0, workers) };
		this.beside = engine === 'node' ? null : { engine: 'node', numbers: numbersFrom(workers, workers) };
	}

	/** How many workers there may be. */
	get capacity(): number {
		return this.main.numbers.length + (this.beside?.numbers.length ?? 0);
	}

	of(worker: number): Team {
		return this.beside?.numbers.includes(worker) ? this.beside : this.main;
	}

	/** In the order in which they get a snapshot that moves listeners, see `Rollout`. */
	get inOrder(): readonly Team[] {
		return this.beside === null ? [this.main] : [this.beside, this.main];
	}

	/** Whether there is something to do for the team beside. */
	needsBeside({ listeners }: Pick<Snapshot, 'listeners'>): boolean {
		return this.beside !== null && listeners.some(({ needsNode }) => needsNode);
	}

	serving({ needsNode }: Pick<ListenerSnapshot, 'needsNode'>): Team {
		return needsNode && this.beside !== null ? this.beside : this.main;
	}

	/** A team's part of a snapshot: the listeners that it does not serve have no binds. */
	part(snapshot: Snapshot, team: Team, withheld: Withheld = NOTHING): Snapshot {
		const keeps = ({ target }: BindSnapshot): boolean => !withheld.has(formatTarget(target));
		const listeners = snapshot.listeners.map((listener) => {
			const binds = this.serving(listener) === team ? listener.binds.filter(keeps) : [];
			return binds.length === listener.binds.length ? listener : { ...listener, binds };
		});
		return { ...snapshot, listeners };
	}

	/**
	 * Places that go from one team to the other: paths of unix sockets, as `formatTarget` writes them, and TCP ports,
	 * whatever the host. A TCP address may be listened on by both teams, a path by one of them alone.
	 */
	moved(before: Snapshot | null, after: Snapshot): { readonly paths: Withheld; readonly ports: ReadonlySet<number> } {
		const served = this.places(before?.listeners ?? []);
		const [paths, ports] = [new Set<string>(), new Set<number>()];
		for (const [place, teams] of this.places(after.listeners)) {
			const stays = [...teams].every((team) => served.get(place)?.has(team) ?? true);
			if (stays) continue;
			if (typeof place === 'string') paths.add(place);
			else ports.add(place);
		}
		return { paths, ports };
	}

	private places(listeners: readonly ListenerSnapshot[]): ReadonlyMap<string | number, ReadonlySet<Team>> {
		const places = new Map<string | number, Set<Team>>();
		for (const listener of listeners) {
			for (const { target } of listener.binds) {
				const place = target.type === 'tcp' ? target.port : formatTarget(target);
				places.set(place, (places.get(place) ?? new Set()).add(this.serving(listener)));
			}
		}
		return places;
	}
}

const NOTHING: Withheld = new Set();

const numbersFrom = (first: number, count: number): readonly number[] =>
	Array.from({ length: count }, (_, place) => first + place);
