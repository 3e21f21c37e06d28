/** Deaths older than this are forgotten. */
export const DEATH_WINDOW_MS = 60_000;
/** That many deaths in the window mean that replacing does not help: the process gives up with exit 70. */
export const MAX_DEATHS = 10;
/** The second death in the window waits so long, each further one twice as long as the one before. */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

/**
 * How long to wait before a dead worker is replaced, or null to give up. The first death in a
 * window is replaced at once. `deathsMs`: when workers of this process died, this death included.
 */
export function restartDelayMs(deathsMs: readonly number[], nowMs: number): number | null {
	const recent = deathsMs.filter((at) => nowMs - at < DEATH_WINDOW_MS).length;
	if (recent >= MAX_DEATHS) return null;
	if (recent <= 1) return 0;
	return Math.min(FIRST_DELAY_MS * 2 ** (recent - 2), MAX_DELAY_MS);
}
