import type { AlertView } from '../admin/views.ts';
import type { Log } from '../log.ts';
import type { Reading } from '../metrics/readings.ts';
import { type AlertMessage, Courier } from './courier.ts';
import { type Verdict, Watch } from './evaluate.ts';
import { advance, calm, type Phase } from './phase.ts';
import type { AlertTerms } from './terms.ts';

/** How often conditions are looked at. */
const LOOK_MS = 1_000;

export interface AlertParts {
	readonly log: Pick<Log, 'warn' | 'info' | 'error'>;
	readonly host: string;
	readings(): readonly Reading[];
	/** Milliseconds that never go back. */
	nowMs(): number;
	/** Wall clock, for what is told. */
	wallMs(): number;
	/** Posts to a URL; null when it was taken, else why not. Never rejects. */
	post(url: string, message: AlertMessage): Promise<string | null>;
	every(ms: number, run: () => void): () => void;
}

interface Kept {
	readonly terms: AlertTerms;
	readonly watch: Watch;
	readonly courier: Courier;
	phase: Phase;
	verdict: Verdict;
}

/** Watches the conditions of the key `alerts`, each second, and tells the log and the webhooks of what changes. */
export class AlertKeeper {
	readonly #parts: AlertParts;
	#kept: ReadonlyMap<string, Kept> = new Map();
	#cancel: (() => void) | null = null;
	#blind = false;

	constructor(parts: AlertParts) {
		this.#parts = parts;
	}

	/** Watches these from now on. One that stays, by name, condition and time, keeps its state. */
	adopt(alerts: readonly AlertTerms[]): void {
		const before = this.#kept;
		this.#kept = new Map(alerts.map((terms) => [terms.name, this.#keep(terms, before.get(terms.name))]));
		if (alerts.length === 0) this.stop();
		else this.#cancel ??= this.#parts.every(LOOK_MS, () => this.look());
	}

	stop(): void {
		this.#cancel?.();
		this.#cancel = null;
	}

	look(): void {
		const nowMs = this.#parts.nowMs();
		const readings = this.#readings();
		if (readings === null) return;
		// Backends may be many, and alerts, too: each looks at its own metric alone.
		const byMetric = Map.groupBy(readings, ({ name }) => name);
		for (const kept of this.#kept.values()) {
			kept.verdict = kept.watch.look(byMetric.get(kept.terms.condition.metric) ?? [], nowMs);
			const { phase, told } = advance(kept.phase, kept.verdict.met, nowMs, kept.terms.forMs);
			kept.phase = phase;
			if (told === null) kept.courier.tick(nowMs);
			else this.#tell(kept, told, nowMs);
		}
	}

	views(): AlertView[] {
		const nowMs = this.#parts.nowMs();
		return [...this.#kept.values()].map(({ terms, phase, verdict, courier }) => ({
			name: terms.name,
			when: terms.when,
			forMs: terms.forMs,
			state: phase.state,
			value: verdict.value,
			since: this.#timeOf(phase.sinceMs, nowMs),
			webhook: terms.webhook === null ? null : courier.delivery,
			told: courier.told && { state: courier.told.state, time: this.#timeOf(courier.told.atMs, nowMs) },
			trouble: courier.trouble,
		}));
	}

	#keep(terms: AlertTerms, before: Kept | undefined): Kept {
		const stays = before !== undefined && before.terms.when === terms.when && before.terms.forMs === terms.forMs;
		if (stays && before.terms.webhook === terms.webhook) return before;
		const { webhook } = terms;
		const courier = new Courier(
			(message) => (webhook === null ? Promise.resolve(null) : this.#parts.post(webhook, message)),
			(reason) => this.#parts.log.warn('alert webhook failed', { alert: terms.name, reason }),
		);
		if (stays) return this.#introduce({ ...before, terms, courier });
		const verdict = { value: null, met: false };
		return { terms, watch: new Watch(terms.condition), courier, phase: calm(this.#parts.nowMs()), verdict };
	}

	/** A webhook that is put in another's place, maybe because that one was dead, hears at once of what fires. */
	#introduce(kept: Kept): Kept {
		const nowMs = this.#parts.nowMs();
		if (kept.terms.webhook !== null && kept.phase.state === 'firing')
			kept.courier.tell(this.#message(kept, 'firing', kept.phase.sinceMs, nowMs), nowMs);
		return kept;
	}

	/** Null when there is nothing to read yet, or no more. */
	#readings(): readonly Reading[] | null {
		try {
			const readings = this.#parts.readings();
			this.#blind = false;
			return readings;
		} catch (error) {
			if (!this.#blind) this.#parts.log.error('alerts not evaluated', { reason: String(error) });
			this.#blind = true;
			return null;
		}
	}

	#tell(kept: Kept, state: AlertMessage['state'], nowMs: number): void {
		const { terms, phase, verdict, courier } = kept;
		const { name, when, webhook } = terms;
		const since = this.#timeOf(phase.sinceMs, nowMs);
		const { log } = this.#parts;
		const fields = { alert: name, when, value: verdict.value, since };
		if (state === 'firing') log.warn('alert firing', fields);
		else log.info('alert resolved', fields);
		if (webhook !== null) courier.tell(this.#message(kept, state, nowMs, nowMs), nowMs);
	}

	/** `atMs`: when it became so. */
	#message({ terms, phase, verdict }: Kept, state: AlertMessage['state'], atMs: number, nowMs: number): AlertMessage {
		const { name, when } = terms;
		const [since, time] = [this.#timeOf(phase.sinceMs, nowMs), this.#timeOf(atMs, nowMs)];
		return { alert: name, state, when, value: verdict.value, since, time, host: this.#parts.host };
	}

	#timeOf(ms: number, nowMs: number): string {
		return new Date(this.#parts.wallMs() - (nowMs - ms)).toISOString();
	}
}
