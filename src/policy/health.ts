import type { Health } from '../core/desk.ts';

/** How many results in a row turn a backend up, and down. */
export interface ProbeRules {
	readonly rise: number;
	readonly fall: number;
}

/** What probes have told of one backend so far. */
export interface Observed {
	readonly health: Health;
	/** Results in a row that speak against `health`, the last one included. */
	readonly against: number;
}

/** Before the first result. */
export const UNPROBED: Observed = { health: 'unknown', against: 0 };

/**
 * What is known after one more probe: the first result decides alone, then `rise` good or `fall` bad
 * results in a row turn it over. The same object when nothing changed. After `observe_health` of
 * cloudflare/pingora (`pingora-load-balancing/src/health_check.rs`), whose backends begin as healthy.
 */
export function observe(before: Observed, good: boolean, rules: ProbeRules): Observed {
	const told: Health = good ? 'up' : 'down';
	if (before.health === 'unknown') return { health: told, against: 0 };
	if (before.health === told) return before.against === 0 ? before : { health: told, against: 0 };
	const against = before.against + 1;
	if (against < (good ? rules.rise : rules.fall)) return { health: before.health, against };
	return { health: told, against: 0 };
}

/** What the scoreboard shows: an ejected backend is down whatever its probes say. */
export const shownHealth = (probed: Health, ejected: boolean): Health => (ejected ? 'down' : probed);
