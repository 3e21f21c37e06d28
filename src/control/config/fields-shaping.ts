import * as z from 'zod';
import type { BucketLimit } from '../../core/snapshot.ts';
import { about, section, textForm } from './fields.ts';
import {
	BANDWIDTH_PATTERN,
	type Bytes,
	type BytesPerSecond,
	type Parsed,
	parseBandwidth,
	parseSize,
	SIZE_PATTERN,
	wrong,
} from './units.ts';
import { quote } from './wording.ts';

/** Slower than this, a single packet would keep everybody waiting; faster is more than one process moves. */
const MIN_RATE: BytesPerSecond = 1_000;
const MAX_RATE: BytesPerSecond = 12.5e9;
const MIN_BURST: Bytes = 1_024;
/** Buckets count bytes in 32 bits. */
const MAX_BURST: Bytes = 4e9;
/** Buckets count time in 32 bits, too. */
const MAX_BURST_SECONDS = 300;

/** Under 1 Mbit/s the usual 64 KiB would be seconds of traffic. */
const SLOW_RATE: BytesPerSecond = 125_000;

/** What the rate moves in 100 ms but at least 64 KiB; of a slow rate, what it moves in 500 ms. */
export const defaultBurst = (rate: BytesPerSecond): Bytes =>
	Math.floor(rate < SLOW_RATE ? rate * 0.5 : Math.max(rate * 0.1, 65_536));

const rate = () =>
	textForm<BytesPerSecond>({
		unit: 'bandwidth',
		expected: 'a bandwidth such as 10Mbit/s',
		parse: (text): Parsed<BytesPerSecond> => {
			const result = parseBandwidth(text);
			if (!result.ok) return result;
			if (result.value < MIN_RATE) return wrong(`${quote(text)} is too slow: at least 8kbit/s`);
			if (result.value > MAX_RATE) return wrong(`${quote(text)} is too fast: at most 100Gbit/s`);
			return result;
		},
		pattern: BANDWIDTH_PATTERN,
	});

const burst = () =>
	textForm<Bytes>({
		unit: 'size',
		expected: 'a size such as 256KiB',
		parse: (text): Parsed<Bytes> => {
			const result = parseSize(text);
			if (!result.ok) return result;
			if (result.value < MIN_BURST) return wrong(`${quote(text)} is too small: at least 1KiB`);
			if (result.value > MAX_BURST) return wrong(`${quote(text)} is too large: at most 4GB`);
			return result;
		},
		pattern: SIZE_PATTERN,
	});

const BURST =
	'What an idle bucket saves up and lets pass at once. At most what the rate moves in 5 minutes. Left out: what it moves in 100 ms but at least 64KiB; under 1Mbit/s what it moves in 500 ms.';

const rateAndBurst = section({
	rate: rate().meta(about('What passes in the long run.', '10Mbit/s')),
	burst: burst()
		.optional()
		.meta(about(BURST, '256KiB', 'by the rate')),
}).transform(({ rate, burst }, context): BucketLimit => {
	if (burst !== undefined && burst > rate * MAX_BURST_SECONDS) {
		context.addIssue({ code: 'custom', path: ['burst'], message: 'is more than the rate moves in 5 minutes' });
	}
	return { bytesPerSecond: rate, burstBytes: burst ?? defaultBurst(rate) };
});

/** A token bucket: a bandwidth alone, or with its burst. Absent: unlimited. */
export const bucket = () =>
	z
		.union([
			rate().transform((bytesPerSecond): BucketLimit => ({ bytesPerSecond, burstBytes: defaultBurst(bytesPerSecond) })),
			rateAndBurst,
		])
		.optional()
		.meta({ unit: 'bucket' });
