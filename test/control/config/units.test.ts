import fc from 'fast-check';
import t from 'tap';
import {
	BANDWIDTH_PATTERN,
	DURATION_PATTERN,
	formatDuration,
	type Parsed,
	parseBandwidth,
	parseDuration,
	parseRate,
	parseSize,
	RATE_PATTERN,
	SIZE_PATTERN,
} from '../../../src/control/config/units.ts';

const accepted = <T>(result: Parsed<T>): T | null => (result.ok ? result.value : null);
const refusal = (result: Parsed<unknown>): string | null => (result.ok ? null : result.message);

t.test('durations are numbers with a unit', async (t) => {
	const table: [string, number | null][] = [
		['0s', 0],
		['1ms', 1],
		['250ms', 250],
		['30s', 30_000],
		['1.5s', 1_500],
		['0.07s', 70],
		['10m', 600_000],
		['12h', 43_200_000],
		['365d', 31_536_000_000],
		['366d', null],
		['1.5ms', null],
		['', null],
		['s', null],
		['30', null],
		['30S', null],
		['30 s', null],
		[' 30s', null],
		['-1s', null],
		['+1s', null],
		['1e3s', null],
		['.5s', null],
		['1h30m', null],
		['1week', null],
		['1toString', null],
		['99999999999999999999d', null],
	];
	for (const [text, ms] of table) t.equal(accepted(parseDuration(text)), ms, JSON.stringify(text));
});

t.test('sizes are bytes, decimal or binary', async (t) => {
	const table: [string, number | null][] = [
		['0B', 0],
		['512B', 512],
		['64kB', 64_000],
		['1MB', 1_000_000],
		['2GB', 2_000_000_000],
		['256KiB', 262_144],
		['8MiB', 8_388_608],
		['1.5GiB', 1_610_612_736],
		['0.5B', null],
		['64KB', null],
		['64', null],
		['64k', null],
		['1TB', null],
		['-1B', null],
	];
	for (const [text, bytes] of table) t.equal(accepted(parseSize(text)), bytes, JSON.stringify(text));
});

t.test('bandwidth is bytes per second, written in bits or bytes', async (t) => {
	const table: [string, number | null][] = [
		['8bit/s', 1],
		['64kbit/s', 8_000],
		['10Mbit/s', 1_250_000],
		['1Gbit/s', 125_000_000],
		['2.5Gbit/s', 312_500_000],
		['1B/s', 1],
		['4MiB/s', 4_194_304],
		['1kB/s', 1_000],
		['0bit/s', null],
		['10Mbit', null],
		['10mbit/s', null],
		['10', null],
		['10MB', null],
		['/s', null],
	];
	for (const [text, rate] of table) t.equal(accepted(parseBandwidth(text)), rate, JSON.stringify(text));
});

t.test('rates are a count in a time', async (t) => {
	const table: [string, number | null, number | null][] = [
		['100/s', 100, 1_000],
		['5/10s', 5, 10_000],
		['10/1m', 10, 60_000],
		['1/100ms', 1, 100],
		['1000000/24h', 1_000_000, 86_400_000],
		['1/1d', 1, 86_400_000],
		['3/0.5s', 3, 500],
		['0/s', null, null],
		['1000001/s', null, null],
		['1/99ms', null, null],
		['1/ms', null, null],
		['1/25h', null, null],
		['1.5/s', null, null],
		['-1/s', null, null],
		['5/10', null, null],
		['5/', null, null],
		['5', null, null],
		['/s', null, null],
		['5/s/s', null, null],
		['5 / s', null, null],
	];
	for (const [text, count, windowMs] of table) {
		const rate = accepted(parseRate(text));
		t.same(rate, count === null ? null : { count, windowMs, text }, JSON.stringify(text));
	}
});

t.test('a bare number is answered with what to write', async (t) => {
	t.equal(refusal(parseDuration('30')), '30 has no unit: write for example 30s or 30ms');
	t.equal(refusal(parseSize('64')), '64 has no unit: write for example 64KiB or 64B');
	t.equal(refusal(parseBandwidth('10')), '10 has no unit: write for example 10Mbit/s or 10kB/s');
	t.equal(refusal(parseRate('500')), '500 has no unit: write for example 500/s or 500/10s');
});

t.test('a duration that is formatted and read again is the same', async () => {
	fc.assert(
		fc.property(
			fc.integer({ min: 0, max: 31_536_000_000 }),
			(ms) => accepted(parseDuration(formatDuration(ms))) === ms,
		),
	);
});

t.test('a rate of any count and time in range is read exactly', async () => {
	const windows = fc.constantFrom(['ms', 1, 100, 86_400_000], ['s', 1_000, 1, 86_400], ['m', 60_000, 1, 1_440]);
	fc.assert(
		fc.property(
			fc.integer({ min: 1, max: 1_000_000 }),
			windows,
			fc.double({ min: 0, max: 1, noNaN: true }),
			(count, w, x) => {
				const [unit, ms, least, most] = w as [string, number, number, number];
				const time = Math.floor(least + x * (most - least));
				const rate = accepted(parseRate(`${count}/${time}${unit}`));
				return rate !== null && rate.count === count && rate.windowMs === time * ms;
			},
		),
	);
});

t.test('no text makes a parser throw, and what passes fits the pattern given to editors', async (t) => {
	const parsers: [string, (text: string) => Parsed<unknown>, string][] = [
		['duration', parseDuration, DURATION_PATTERN],
		['size', parseSize, SIZE_PATTERN],
		['bandwidth', parseBandwidth, BANDWIDTH_PATTERN],
		['rate', parseRate, RATE_PATTERN],
	];
	const likely = fc.string({ unit: fc.constantFrom(...'0123456789.-/ smhdkMGiBbt'), maxLength: 12 });
	for (const [name, parse, pattern] of parsers) {
		const holds = (text: string): boolean => {
			const result = parse(text);
			return result.ok ? new RegExp(pattern).test(text) : result.message !== '' && !result.message.includes('\n');
		};
		t.doesNotThrow(() => fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), likely), holds)), name);
	}
});
