import type { SessionFacts } from '../core/session-facts.ts';
import type { RelayMeter } from '../core/session-io.ts';
import { NS_PER_MS } from '../core/units.ts';
import { knownOf, throttledNs } from './account.ts';
import type { Journal } from './journal.ts';

/** How a live session looks to an operator. */
export function factsOf(
	number: number,
	state: string,
	journal: Journal,
	meter: RelayMeter,
	nowNs: number,
): SessionFacts {
	return {
		number,
		...knownOf(journal),
		state,
		ageMs: (nowNs - journal.acceptedNs) / NS_PER_MS,
		idleMs: meter.lastByteNs === 0 ? null : Math.max(0, nowNs - meter.lastByteNs) / NS_PER_MS,
		uploadBytes: meter.uploadBytes,
		downloadBytes: meter.downloadBytes,
		throttledMs: throttledNs(meter, nowNs) / NS_PER_MS,
		throttled: meter.throttledSinceNs > 0,
	};
}
