import type { Endpoint } from '../core/address.ts';
import { AT_CAP, type Desk, TAKEN } from '../core/desk.ts';
import type { Refusal, RefusalManner } from '../core/outcome.ts';
import type {
	Limited,
	ListenerSnapshot,
	Overflow,
	PerClientLimits,
	ProcessSnapshot,
	RateLimit,
} from '../core/snapshot.ts';
import { checkAccess } from './access.ts';
import { formatAddress } from './address.ts';
import { regionOf } from './geo.ts';
import type { Trace } from './trace.ts';
import { at, type World } from './world.ts';

/** The gates in their order: the first two ask for room, the others who the client is. */
const GATES = ['process', 'listener', 'access', 'region', 'client'] as const;
type Gate = (typeof GATES)[number];
/** Those that a peer passes before a byte of it is read. */
const PEER_GATES = 2;

/** Why a client is turned away. `detail` names the limit or rule, e.g. `listener game: 500/s`. */
export interface RefusalDecision {
	readonly outcome: Refusal;
	/** `wait`: not refused, but to be tried again after `holdForMs`. */
	readonly manner: RefusalManner | 'wait';
	readonly holdForMs: number;
	readonly detail: string;
}

/** Clients that wait are in the kernel's queue; one that another worker's was faster than comes again after so long. */
const WAIT_MS = 10;

/**
 * One client on its way through the gates. `run` stops at the first refusal; a client in the tarpit
 * calls it again after its delay and goes on behind the gate that delayed it, one that waits goes on at its gate.
 */
export class Admission {
	readonly listener: ListenerSnapshot;
	/** The peer, until a PROXY header says whom it speaks for. */
	client: Endpoint;
	country: string | null = null;
	region: number | null = null;
	private nextGate = 0;

	constructor(listener: ListenerSnapshot, client: Endpoint) {
		this.listener = listener;
		this.client = client;
	}

	/** The first gates alone: whether there is room for one more, whoever the client is. As `run`. */
	runPeerGates(world: World, desk: Desk, nowNs: number, trace: Trace | null): RefusalDecision | null {
		return this.runTo(PEER_GATES, world, desk, nowNs, trace);
	}

	/** Null when the client is in; every place taken on the way is held at `desk`. */
	run(world: World, desk: Desk, nowNs: number, trace: Trace | null): RefusalDecision | null {
		return this.runTo(GATES.length, world, desk, nowNs, trace);
	}

	private runTo(end: number, world: World, desk: Desk, nowNs: number, trace: Trace | null): RefusalDecision | null {
		while (this.nextGate < end) {
			const gate = at(GATES, this.nextGate);
			this.nextGate += 1;
			const refusal = this.pass(gate, world, desk, nowNs, trace);
			if (refusal === null) continue;
			if (refusal.manner === 'wait') this.nextGate -= 1;
			else if (refusal.manner !== 'tarpit') desk.refundRates();
			return refusal;
		}
		return null;
	}

	private pass(gate: Gate, world: World, desk: Desk, nowNs: number, trace: Trace | null): RefusalDecision | null {
		switch (gate) {
			case 'process':
				return this.takeProcess(world.snapshot.process, desk, nowNs, trace);
			case 'listener':
				return this.takeListener(desk, nowNs, trace);
			case 'access':
				return this.checkAccess(world, trace);
			case 'region':
				return this.takeRegion(world, desk, nowNs, trace);
			case 'client':
				return this.takeClient(desk, nowNs, trace);
		}
	}

	private takeProcess(
		process: ProcessSnapshot,
		desk: Desk,
		nowNs: number,
		trace: Trace | null,
	): RefusalDecision | null {
		return takePlace(desk, 'process', 'process', process, process.overflow, nowNs, trace);
	}

	private takeListener(desk: Desk, nowNs: number, trace: Trace | null): RefusalDecision | null {
		const { listener } = this;
		return takePlace(desk, 'listener', `listener ${listener.name}`, listener, listener.overflow, nowNs, trace);
	}

	private checkAccess(world: World, trace: Trace | null): RefusalDecision | null {
		const { geo } = world.snapshot;
		this.country = this.client.address === null ? null : world.geo.country(this.client.address);
		this.region = this.country === null ? null : regionOf(geo, this.country);
		if (trace !== null) noteIdentity(this, world, trace);
		const rules = this.listener.access;
		const denied = checkAccess(rules, this.client.address, this.country, this.region, world.snapshot.regions);
		if (denied === null || rules === null) {
			trace?.note('admit', rules === null ? 'no access rules: everyone may come in' : 'access rules let it in');
			return null;
		}
		trace?.note('admit', `refused: ${denied} (manner: ${rules.action})`);
		return { outcome: 'access-denied', manner: rules.action, holdForMs: rules.holdForMs, detail: denied };
	}

	private takeRegion(world: World, desk: Desk, nowNs: number, trace: Trace | null): RefusalDecision | null {
		if (this.region === null) return null;
		const region = at(world.snapshot.regions, this.region);
		return takePlace(desk, 'region', `region ${region.name}`, region, 'refuse', nowNs, trace);
	}

	private takeClient(desk: Desk, nowNs: number, trace: Trace | null): RefusalDecision | null {
		const limits = this.listener.perClient;
		if (limits === null || this.client.address === null) return null;
		const result = desk.takeClient(limits, this.client.address, nowNs);
		if (result === TAKEN) {
			trace?.note('admit', 'within the limits for one client');
			return null;
		}
		return refuseLimit('client', result, limits, limits.action, limits.holdForMs, trace);
	}
}

function takePlace(
	desk: Desk,
	kind: 'process' | 'listener' | 'region',
	label: string,
	place: Limited,
	overflow: Overflow,
	nowNs: number,
	trace: Trace | null,
): RefusalDecision | null {
	const result = desk.take(kind, place, nowNs, -1);
	if (result !== TAKEN) {
		const waits = overflow === 'wait';
		return refuseLimit(label, result, place, waits ? 'wait' : 'close', waits ? WAIT_MS : 0, trace);
	}
	trace?.note(kind === 'region' ? 'admit' : 'accept', `${label}: ${describeLimits(place)}`);
	return null;
}

function describeLimits(place: Limited): string {
	const cap = place.maxConnections === null ? 'no cap' : `below its cap of ${place.maxConnections}`;
	const rates = place.rates.map((rate) => rate.text).join(', ');
	return rates === '' ? `${cap}, no rate` : `${cap}, within ${rates}`;
}

function refuseLimit(
	label: string,
	result: number,
	limits: Pick<PerClientLimits, 'maxConnections' | 'rates'>,
	manner: RefusalDecision['manner'],
	holdForMs: number,
	trace: Trace | null,
): RefusalDecision {
	const capped = result === AT_CAP;
	const limit = capped ? `maxConnections ${limits.maxConnections}` : rateText(limits.rates, result);
	const detail = `${label}: ${limit}`;
	const [verb, how] = manner === 'wait' ? ["waits in the kernel's queue", ''] : ['refused', ` (manner: ${manner})`];
	trace?.note('admit', `${verb}: ${detail} is reached${how}`);
	return { outcome: capped ? 'max-connections' : 'rate-limited', manner, holdForMs, detail };
}

const rateText = (rates: readonly RateLimit[], index: number): string => rates[index]?.text ?? 'client table is full';

function noteIdentity(admission: Admission, world: World, trace: Trace): void {
	const { address } = admission.client;
	const who = address === null ? 'a unix-domain client, which has no address' : formatAddress(address);
	const country = admission.country ?? 'unknown';
	const region = admission.region === null ? 'none' : at(world.snapshot.regions, admission.region).name;
	trace.note('admit', `client ${who}: country ${country}, region ${region}`);
}
