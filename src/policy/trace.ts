/** The stages of a session's journey that decide something. */
export const STAGES = ['accept', 'admit', 'identify', 'route', 'balance', 'connect', 'relay'] as const;
export type Stage = (typeof STAGES)[number];

/**
 * Collects the reasons of decisions in words. Sessions pass null, so that no text is built for them;
 * `explain` passes a collector and walks the very same functions.
 */
export interface Trace {
	note(stage: Stage, text: string): void;
}
