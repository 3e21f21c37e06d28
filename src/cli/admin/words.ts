const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
const BIT_UNITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'] as const;

/** `1.5 MB`; powers of 1000. */
export const bytesText = (bytes: number): string => scaled(bytes, BYTE_UNITS);

/** `12 Mbit/s`, of bytes per second. */
export const bandwidthText = (bytesPerSecond: number): string => scaled(bytesPerSecond * 8, BIT_UNITS);

function scaled(value: number, units: readonly string[]): string {
	let rest = value;
	let unit = 0;
	while (Math.round(rest) >= 1_000 && unit < units.length - 1) {
		rest /= 1_000;
		unit += 1;
	}
	const digits = unit === 0 || rest >= 100 ? 0 : 1;
	return `${rest.toFixed(digits)} ${units[unit]}`;
}

const STEPS: readonly [ms: number, unit: string][] = [
	[86_400_000, 'd'],
	[3_600_000, 'h'],
	[60_000, 'm'],
	[1_000, 's'],
];

/** `3d 4h`, `12m 5s`, `0.3s`. */
export function ageText(ms: number): string {
	if (ms < 10_000) return `${(ms / 1_000).toFixed(1)}s`;
	const at = STEPS.findIndex(([length]) => ms >= length);
	const [length, unit] = STEPS[at] ?? [1_000, 's'];
	const [next, nextUnit] = STEPS[at + 1] ?? [0, ''];
	const whole = `${Math.floor(ms / length)}${unit}`;
	const rest = next === 0 ? 0 : Math.floor((ms % length) / next);
	return rest === 0 ? whole : `${whole} ${rest}${nextUnit}`;
}

/** `0.3/s`, `12/s`. */
export const rateText = (perSecond: number): string => `${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s`;

/** `3 of 10`, or `3`. */
export const ofCap = (count: number, cap: number | null): string =>
	cap === null ? String(count) : `${count} of ${cap}`;
