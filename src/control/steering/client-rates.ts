import type { ClientFacts } from '../../core/session-facts.ts';
import { NS_PER_SECOND } from '../../core/units.ts';
import { formatAddress } from '../../policy/address.ts';
import type { ClientView } from '../admin/views.ts';

/** Bytes seen longer ago say nothing of rates now. */
const STALE_NS = 30 * NS_PER_SECOND;
/** A rate is taken over no less, however soon one look follows another. */
const LEAST_SPAN_NS = NS_PER_SECOND;
/** Clients remembered, or as many as one look brings; those that were not seen for the longest time go first. */
const MOST_CLIENTS = 10_000;

interface Seen {
	readonly timeNs: number;
	readonly uploadBytes: number;
	readonly downloadBytes: number;
}

/** One client: what rates are counted from, and the newest that can take its place. */
interface Past {
	from: Seen | null;
	latest: Seen;
}

/** Turns what clients have moved into rates over the last seconds, whoever looks, how often, and at how many of them. */
export class ClientRates {
	/** Those seen last stand last. */
	readonly #pasts = new Map<string, Past>();

	/** Workers' answers put together, the busiest first. */
	viewsOf(facts: readonly ClientFacts[], nowNs: number, limit: number): ClientView[] {
		const sums = new Map<string, ClientFacts>();
		for (const entry of facts) {
			const key = `${formatAddress(entry.client)} ${entry.listener}`;
			const sum = sums.get(key);
			sums.set(key, sum === undefined ? entry : added(sum, entry));
		}
		const views = [...sums].map(([key, sum]) => viewOf(sum, this.#since(key, sum, nowNs), nowNs));
		this.#forget(nowNs, Math.max(MOST_CLIENTS, sums.size));
		return views.sort(busier).slice(0, limit);
	}

	/** What was seen of it a second ago or longer, null when that is not known; remembers what is seen now. */
	#since(key: string, sum: ClientFacts, nowNs: number): Seen | null {
		const now: Seen = { timeNs: nowNs, uploadBytes: sum.uploadBytes, downloadBytes: sum.downloadBytes };
		const past = this.#pasts.get(key);
		this.#pasts.delete(key);
		const kept = past ?? { from: null, latest: now };
		if (nowNs - kept.latest.timeNs >= LEAST_SPAN_NS) {
			kept.from = kept.latest;
			kept.latest = now;
		}
		this.#pasts.set(key, kept);
		return kept.from !== null && nowNs - kept.from.timeNs <= STALE_NS ? kept.from : null;
	}

	#forget(nowNs: number, most: number): void {
		for (const [key, { latest }] of this.#pasts) {
			if (this.#pasts.size <= most && nowNs - latest.timeNs <= STALE_NS) return;
			this.#pasts.delete(key);
		}
	}
}

const added = (a: ClientFacts, b: ClientFacts): ClientFacts => ({
	...a,
	active: a.active + b.active,
	uploadBytes: a.uploadBytes + b.uploadBytes,
	downloadBytes: a.downloadBytes + b.downloadBytes,
});

function viewOf(sum: ClientFacts, since: Seen | null, nowNs: number): ClientView {
	// A session that ended takes its bytes with it.
	const rate = (now: number, then: number): number =>
		since === null ? 0 : Math.max(0, now - then) / ((nowNs - since.timeNs) / NS_PER_SECOND);
	return {
		listener: sum.listener,
		client: formatAddress(sum.client),
		active: sum.active,
		uploadBytesPerSecond: rate(sum.uploadBytes, since?.uploadBytes ?? 0),
		downloadBytesPerSecond: rate(sum.downloadBytes, since?.downloadBytes ?? 0),
	};
}

const busier = (a: ClientView, b: ClientView): number =>
	b.uploadBytesPerSecond + b.downloadBytesPerSecond - a.uploadBytesPerSecond - a.downloadBytesPerSecond ||
	b.active - a.active;
