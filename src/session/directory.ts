import type { IpAddress } from '../core/address.ts';
import type { ClientFacts, SessionFacts, SessionFilter } from '../core/session-facts.ts';
import { lookupNetwork } from '../policy/network-table.ts';

/** What a directory needs of a session. */
export interface Listed {
	/** Counts up in its worker. */
	readonly number: number;
	facts(nowNs: number): SessionFacts;
}

/** Those that the filter means with higher numbers than `after`, at most so many; `sessions` in the order of their numbers. */
export function listSessions(
	sessions: Iterable<Listed>,
	filter: SessionFilter,
	{ after, limit }: { readonly after: number; readonly limit: number },
	nowNs: number,
): SessionFacts[] {
	const found: SessionFacts[] = [];
	for (const session of sessions) {
		if (found.length >= limit) break;
		if (session.number <= after) continue;
		const facts = session.facts(nowNs);
		if (isMeant(facts, filter)) found.push(facts);
	}
	return found;
}

function isMeant(facts: SessionFacts, filter: SessionFilter): boolean {
	const { listener, pool, backend, country, client, waiting } = filter;
	if (listener !== null && facts.listener !== listener) return false;
	if (pool !== null && facts.pool !== pool) return false;
	if (backend !== null && facts.backend !== backend) return false;
	if (country !== null && facts.country !== country) return false;
	if (waiting && !facts.throttled && facts.state !== 'queued') return false;
	return client === null || (facts.client !== null && lookupNetwork(client, facts.client) >= 0);
}

interface Summed {
	readonly listener: string;
	readonly client: IpAddress;
	active: number;
	uploadBytes: number;
	downloadBytes: number;
}

/** The clients whose live sessions have moved the most bytes, most first, at most so many. */
export function busiestClients(
	sessions: Iterable<Listed>,
	listener: string | null,
	limit: number,
	nowNs: number,
): ClientFacts[] {
	const clients = new Map<string, Summed>();
	for (const session of sessions) {
		const facts = session.facts(nowNs);
		const { client } = facts;
		if (client === null || (listener !== null && facts.listener !== listener)) continue;
		const key = `${client.a} ${client.b} ${client.c} ${client.d} ${facts.listener}`;
		const sum = clients.get(key) ?? { listener: facts.listener, client, active: 0, uploadBytes: 0, downloadBytes: 0 };
		sum.active += 1;
		sum.uploadBytes += facts.uploadBytes;
		sum.downloadBytes += facts.downloadBytes;
		clients.set(key, sum);
	}
	return [...clients.values()].sort(byBytes).slice(0, limit);
}

const byBytes = (a: Summed, b: Summed): number =>
	b.uploadBytes + b.downloadBytes - a.uploadBytes - a.downloadBytes || b.active - a.active;
