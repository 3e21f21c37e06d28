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

/** Of bits per second. @param {number} bitsPerSecond */
export const bitsText = (bitsPerSecond) => scaled(bitsPerSecond, BITS);

/** Of bytes per second. @param {number} bytesPerSecond */
export const bandwidthText = (bytesPerSecond) => bitsText(bytesPerSecond * 8);

/** As short as it can be, for an axis. @param {number} bitsPerSecond */
export const shortBits = (bitsPerSecond) => bitsText(bitsPerSecond).replace('.0 ', ' ');

/** Up to three digits behind the point. @param {number} value */
export const numberText = (value) => String(Math.round(value * 1000) / 1000);

/** @param {number} ms */
export function ageText(ms) {
	const seconds = Math.max(0, Math.floor(ms / 1000));
	if (seconds < 60) return `${seconds} s`;
	if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
	if (seconds < 86400) return twoParts(seconds / 3600, 'h', (seconds % 3600) / 60, 'min');
	return twoParts(seconds / 86400, 'd', (seconds % 86400) / 3600, 'h');
}

/** @param {number} whole @param {string} unit @param {number} rest @param {string} smaller */
const twoParts = (whole, unit, rest, smaller) =>
	Math.floor(rest) === 0
		? `${Math.floor(whole)} ${unit}`
		: `${Math.floor(whole)} ${unit} ${Math.floor(rest)} ${smaller}`;

/** Of a moment; with its day where that is another one. @param {string | number} time */
export function clockText(time) {
	const moment = new Date(time);
	const today = moment.toDateString() === new Date().toDateString();
	const clock = moment.toLocaleTimeString(undefined, { hourCycle: 'h23' });
	return today ? clock : `${moment.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })} ${clock}`;
}

/** @param {number} count @param {number | null} cap */
export const ofCap = (count, cap) => (cap === null ? String(count) : `${count} of ${cap}`);
