import type { IpAddress } from '../core/address.ts';
import type { Outcome, RefusalManner } from '../core/outcome.ts';
import type { GeoLookup, Rng } from '../core/ports.ts';
import type { ListenerSnapshot, PoolSnapshot, RegionSnapshot, Snapshot } from '../core/snapshot.ts';
import { formatAddress } from './address.ts';
import { Admission } from './admission.ts';
import { noteConnect, noteHello, noteSource } from './explain-identity.ts';
import { isPlacement, takePlacement } from './place.ts';
import { type LookedAt, Rehearsal } from './rehearsal.ts';
import { findRoute } from './route.ts';
import { noteBuckets } from './shaping.ts';
import type { Stage, Trace } from './trace.ts';
import { at, makeWorld, type World } from './world.ts';

export interface ExplainedStep {
	readonly stage: Stage;
	readonly text: string;
}

/**
 * What would happen to one client, and why. `outcome` is null when it would be served; at once by `backend`, or,
 * when that is null, after waiting in the queue of `pool`.
 */
export interface ExplainedClient {
	readonly client: string;
	readonly country: string | null;
	readonly region: string | null;
	readonly steps: readonly ExplainedStep[];
	readonly route: string | null;
	readonly pool: string | null;
	readonly backend: string | null;
	readonly outcome: Outcome | null;
	/** `wait`: in the kernel's queue, until there is room. */
	readonly manner: RefusalManner | 'wait' | null;
}

/** How the clients spread: one row per pool and backend, or per outcome, most clients first. */
export interface SpreadRow {
	readonly pool: string | null;
	readonly backend: string | null;
	readonly outcome: Outcome | null;
	readonly clients: number;
}

export interface Explanation {
	readonly listener: string;
	readonly clients: readonly ExplainedClient[];
	readonly spread: readonly SpreadRow[];
}

export interface ExplainParts {
	readonly live: LookedAt;
	readonly geo: GeoLookup;
	readonly rng: Rng;
	readonly nowNs: number;
	/** The server name that the clients ask for, in lower case; null: none. */
	readonly sni: string | null;
	/** The protocols that they offer. */
	readonly alpn: readonly string[];
}

/**
 * Walks clients through the very functions that sessions use and tells each decision with its reason.
 * Nothing is taken; the clients are rehearsed in order, as if the ones before had stayed.
 */
export function explain(
	snapshot: Snapshot,
	listener: ListenerSnapshot,
	clients: readonly IpAddress[],
	parts: ExplainParts,
): Explanation {
	const rehearsal = new Rehearsal(parts.live);
	const world = makeWorld(snapshot, { live: rehearsal, geo: parts.geo, rng: parts.rng });
	const explained = clients.map((address) => explainClient(world, listener, address, rehearsal, parts));
	return { listener: listener.name, clients: explained, spread: spreadOf(explained) };
}

function explainClient(
	world: World,
	listener: ListenerSnapshot,
	address: IpAddress,
	rehearsal: Rehearsal,
	parts: ExplainParts,
): ExplainedClient {
	const steps: ExplainedStep[] = [];
	const trace: Trace = { note: (stage, text) => steps.push({ stage, text }) };
	const admission = new Admission(listener, { address, port: 0 });
	const walked = walk(world, admission, rehearsal, parts, trace);
	const region = regionAt(world, admission.region)?.name ?? null;
	return { client: formatAddress(address), country: admission.country, region, steps, ...walked };
}

type Walked = Pick<ExplainedClient, 'route' | 'pool' | 'backend' | 'outcome' | 'manner'>;

function walk(
	world: World,
	admission: Admission,
	rehearsal: Rehearsal,
	{ nowNs, sni, alpn }: ExplainParts,
	trace: Trace,
): Walked {
	const refused = (outcome: Outcome, manner: Walked['manner'], route: string | null): Walked => ({
		route,
		pool: null,
		backend: null,
		outcome,
		manner,
	});
	let refusal = admission.runPeerGates(world, rehearsal, nowNs, trace);
	if (refusal !== null) return refused(refusal.outcome, refusal.manner, null);
	noteSource(admission.listener, trace);
	refusal = admission.run(world, rehearsal, nowNs, trace);
	while (refusal?.manner === 'tarpit') {
		trace.note('admit', `served all the same after ${refusal.holdForMs} ms in the tarpit`);
		refusal = admission.run(world, rehearsal, nowNs, trace);
	}
	if (refusal !== null) return refused(refusal.outcome, refusal.manner, null);
	const { listener, client, country, region } = admission;
	const read = listener.tls === null ? { sni: null, alpn: [] } : { sni, alpn };
	noteHello(listener, sni, alpn, trace);
	const route = findRoute(world.snapshot, listener, { address: client.address, country, region, ...read }, trace);
	if (route === null) return refused('no-route', 'close', null);
	const request = { listener, address: client.address, tried: [], mayWaitFirst: true };
	const result = takePlacement(world, route, request, rehearsal, nowNs, trace);
	if (!isPlacement(result)) {
		const pool = waitIn(result.queue, rehearsal, trace);
		if (pool !== null) return { route: route.name, pool, backend: null, outcome: null, manner: null };
		return refused(result.verdict === 'full' ? 'pool-full' : 'pool-down', 'close', route.name);
	}
	const { pool, backend } = result;
	noteConnect(listener, pool, trace);
	const path = { listener, client: client.address, region: regionAt(world, region), pool, backend };
	noteBuckets(path, rehearsal.levels, nowNs, trace);
	return { route: route.name, pool: pool.name, backend: backend.name, outcome: null, manner: null };
}

const regionAt = (world: World, region: number | null): RegionSnapshot | null =>
	region === null ? null : at(world.snapshot.regions, region);

/** The pool in whose queue the client waits, or null. */
function waitIn(pool: PoolSnapshot | null, rehearsal: Rehearsal, trace: Trace): string | null {
	if (pool === null || pool.queue === null) return null;
	const { number, size, timeoutMs } = pool.queue;
	const waiting = rehearsal.waiting(number);
	const ahead = `${waiting} of ${size} waiting`;
	if (waiting >= size) {
		trace.note('balance', `the queue of pool ${pool.name} is full (${ahead})`);
		return null;
	}
	rehearsal.wait(number);
	trace.note('balance', `would wait in the queue of pool ${pool.name} (${ahead}), up to ${timeoutMs} ms`);
	return pool.name;
}

function spreadOf(clients: readonly ExplainedClient[]): readonly SpreadRow[] {
	const rows = new Map<
		string,
		{ pool: string | null; backend: string | null; outcome: Outcome | null; clients: number }
	>();
	for (const { pool, backend, outcome } of clients) {
		const key = JSON.stringify([pool, backend, outcome]);
		const row = rows.get(key) ?? { pool, backend, outcome, clients: 0 };
		row.clients += 1;
		rows.set(key, row);
	}
	return [...rows.values()].sort((a, b) => b.clients - a.clients);
}
