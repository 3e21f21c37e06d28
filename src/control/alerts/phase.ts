/** How far an alert is: its condition does not hold, holds not long enough, or long enough. */
export type AlertState = 'ok' | 'pending' | 'firing';

export interface Phase {
	readonly state: AlertState;
	/** Since when the condition holds or does not, on the clock of the looks. */
	readonly sinceMs: number;
}

export const calm = (nowMs: number): Phase => ({ state: 'ok', sinceMs: nowMs });

/** The phase after a look; `told` is what people should hear of it. The clock may stand still, not go back. */
export function advance(
	before: Phase,
	met: boolean,
	nowMs: number,
	forMs: number,
): { readonly phase: Phase; readonly told: 'firing' | 'resolved' | null } {
	if (!met) {
		if (before.state === 'ok') return { phase: before, told: null };
		return { phase: calm(nowMs), told: before.state === 'firing' ? 'resolved' : null };
	}
	if (before.state === 'firing') return { phase: before, told: null };
	const sinceMs = before.state === 'pending' ? before.sinceMs : nowMs;
	const long = nowMs - sinceMs >= forMs;
	return { phase: { state: long ? 'firing' : 'pending', sinceMs }, told: long ? 'firing' : null };
}
