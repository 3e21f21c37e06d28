/** What a configuration says before it is known to be well-formed: what has the wrong shape counts as absent. */
export type Written = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is Written =>
	typeof value === 'object' && value !== null && !Array.isArray(value);
export const record = (value: unknown): Written => (isRecord(value) ? value : {});
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
export const names = (records: readonly Written[]): string[] => records.flatMap((entry) => text(entry.name) ?? []);
