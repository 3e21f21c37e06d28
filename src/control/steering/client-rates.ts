import type { ClientFacts } from '../../core/session-facts.ts';
import { NS_PER_SECOND } from '../../core/units.ts';
import { formatAddress } from '../../policy/address.ts';
import type { ClientView } from '../admin/views.ts';

/** A look that is older says nothing of rates now. */
const STALE_SECONDS = 30;

interface Seen {
	readonly timeNs: number;
	readonly uploadBytes: number;
	readonly downloadBytes: number;
}

/** Turns what clients have moved into rates: since the last time somebody looked. Keeps what the last look saw, no more. */
export class ClientRates {
	#seen = new Map<string, Seen>();

	/** Workers' answers put together, the busiest first. */
	viewsOf(facts: readonly ClientFacts[], nowNs: number, limit: number): ClientView[] {
		const sums = new Map<string, ClientFacts>();
		for (const entry of facts) {
			const key = `${formatAddress(entry.client)} ${entry.listener}`;
			const sum = sums.get(key);
			sums.set(key, sum === undefined ? entry : added(sum, entry));
		}
		const before = this.#seen;
		this.#seen = new Map([...sums].map(([key, sum]) => [key, { ...sum, timeNs: nowNs }]));
		return [...sums]
			.map(([key, sum]) => viewOf(sum, before.get(key), nowNs))
			.sort(busier)
			.slice(0, limit);
	}
}

const added = (a: ClientFacts, b: ClientFacts): ClientFacts => ({
	...a,
	active: a.active + b.active,
	uploadBytes: a.uploadBytes + b.uploadBytes,
	downloadBytes: a.downloadBytes + b.downloadBytes,
});

function viewOf(sum: ClientFacts, before: Seen | undefined, nowNs: number): ClientView {
	const seconds = before === undefined ? 0 : (nowNs - before.timeNs) / NS_PER_SECOND;
	const known = before !== undefined && seconds > 0 && seconds <= STALE_SECONDS;
	// A session that ended takes its bytes with it.
	const rate = (now: number, then: number): number => (known ? Math.max(0, now - then) / seconds : 0);
	return {
		listener: sum.listener,
		client: formatAddress(sum.client),
		active: sum.active,
		uploadBytesPerSecond: rate(sum.uploadBytes, before?.uploadBytes ?? 0),
		downloadBytesPerSecond: rate(sum.downloadBytes, before?.downloadBytes ?? 0),
	};
}

const busier = (a: ClientView, b: ClientView): number =>
	b.uploadBytesPerSecond + b.downloadBytesPerSecond - a.uploadBytesPerSecond - a.downloadBytesPerSecond ||
	b.active - a.active;
