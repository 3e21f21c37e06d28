const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const BITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];

/**
 * @param {number} value
 * @param {readonly string[]} units
 */
function scaled(value, units) {
	let rest = value;
	let unit = 0;
	while (Math.abs(Math.round(rest)) >= 1000 && unit < units.length - 1) {
		rest /= 1000;
		unit += 1;
	}
	return `${rest.toFixed(unit === 0 || Math.abs(rest) >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** @param {number} bytes */
export const bytesText = (bytes) => scaled(bytes, BYTES);

/** Of bytes per second. @param {number} bytesPerSecond */
export const bandwidthText = (bytesPerSecond) => scaled(bytesPerSecond * 8, BITS);

/** @param {number} ms */
export function ageText(ms) {
	const seconds = Math.floor(ms / 1000);
	if (seconds < 60) return `${seconds} s`;
	if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
	if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
	return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

/** @param {number} count @param {number | null} cap */
export const ofCap = (count, cap) => (cap === null ? String(count) : `${count} of ${cap}`);
