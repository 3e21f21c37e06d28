import { isSameAddress } from '../core/address.ts';
import type { AccessRecord } from '../core/record.ts';
import { endpointText } from './access-line.ts';

/** So many texts are kept quoted, then they are quoted afresh: some of them come from clients. */
const MAX_QUOTED = 4_096;

/**
 * Access records as members of a JSON object, in the order of `AccessLine`. There may be thousands a second: what
 * repeats (names, an instant, an address) is written once.
 */
export class AccessText {
	readonly #quoted = new Map<string, string>();
	#timeMs = Number.NaN;
	#time = '';

	/** Each member after a comma. */
	of(record: AccessRecord): string {
		const name = (text: string | null): string => (text === null ? 'null' : this.#quote(text));
		const peer = quotedOrNull(endpointText(record.peer, record.peerPort));
		const client = isPeer(record) ? peer : quotedOrNull(endpointText(record.client, record.clientPort));
		return (
			`,"time":"${this.#isoTime(record.timeMs)}","listener":${name(record.listener)},"peer":${peer},"client":${client}` +
			`,"country":${name(record.country)},"region":${name(record.region)},"sni":${quotedOrNull(record.sni)}` +
			`,"alpn":${name(record.alpn)},"route":${name(record.route)},"pool":${name(record.pool)}` +
			`,"backend":${name(record.backend)},"attempts":${record.attempts},"queuedMs":${msText(record.queuedMs)}` +
			`,"connectMs":${msText(record.connectMs)},"durationMs":${msText(record.durationMs)}` +
			`,"uploadBytes":${record.uploadBytes},"downloadBytes":${record.downloadBytes}` +
			`,"throttledMs":${msText(record.throttledMs)},"tls":${name(record.tls)},"outcome":${name(record.outcome)}` +
			`,"detail":${quotedOrNull(record.detail)}`
		);
	}

	#quote(text: string): string {
		const known = this.#quoted.get(text);
		if (known !== undefined) return known;
		if (this.#quoted.size >= MAX_QUOTED) this.#quoted.clear();
		const quoted = JSON.stringify(text);
		this.#quoted.set(text, quoted);
		return quoted;
	}

	/** Sessions end many at a time. */
	#isoTime(timeMs: number): string {
		if (timeMs === this.#timeMs) return this.#time;
		this.#timeMs = timeMs;
		this.#time = new Date(timeMs).toISOString();
		return this.#time;
	}
}

/** By thousandths. */
const FRACTIONS = Array.from({ length: 1_000 }, (_, at) => (at === 0 ? '' : String(at / 1_000).slice(1)));

/** `roundedMs` as text. Whole numbers are written far sooner than fractions. */
function msText(ms: number | null): string {
	if (ms === null) return 'null';
	const microseconds = Math.round(ms * 1_000);
	if (!(microseconds >= 0 && microseconds <= Number.MAX_SAFE_INTEGER)) return JSON.stringify(microseconds / 1_000);
	const whole = Math.floor(microseconds / 1_000);
	return `${whole}${FRACTIONS[microseconds - whole * 1_000]}`;
}

const quotedOrNull = (text: string | null): string => (text === null ? 'null' : JSON.stringify(text));

/** No PROXY header said otherwise. */
const isPeer = ({ peer, peerPort, client, clientPort }: AccessRecord): boolean =>
	peerPort === clientPort && peer !== null && client !== null && isSameAddress(peer, client);
