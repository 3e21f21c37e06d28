/**
 * What do policy and session cost per session, without sockets, and what do they leave to the garbage collector?
 * Geo routing by the database, an access list of 100 networks, a backend cap, scoreboard and ledger, all real.
 * Run: npm run bench:session
 */

import { compileSnapshot, type SlotSource } from '../src/control/config/compile.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import { countriesOf } from '../src/control/geo/continents.ts';
import { openEmbeddedGeo } from '../src/control/geo/embedded.ts';
import { PAPER_TLS } from '../src/control/tls/source.ts';
import { type IpAddress, V4_MAPPED } from '../src/core/address.ts';
import type { SessionAction, SessionEvent } from '../src/core/session-io.ts';
import type { Snapshot } from '../src/core/snapshot.ts';
import { NS_PER_MS } from '../src/core/units.ts';
import { makeGeoReader } from '../src/policy/geo.ts';
import { WorkerQueues } from '../src/policy/worker-queues.ts';
import { makeWorld } from '../src/policy/world.ts';
import { seededRng } from '../src/rng.ts';
import type { SessionContext, Tally } from '../src/session/context.ts';
import { HeldClients } from '../src/session/held.ts';
import { Session } from '../src/session/session.ts';
import { Holdings } from '../src/shared/holdings.ts';
import { SlotRegistry } from '../src/shared/registry.ts';
import { createStats, StatsWriter } from '../src/shared/stats.ts';
import { WorkerBoard } from '../src/shared/worker-board.ts';
import { BASELINE_BACKEND_CAP } from './support/contenders/contender.ts';
import { sluiceConfig } from './support/contenders/sluice.ts';
import { median } from './support/stats.ts';

const GOAL_US = 10;
const BATCH = 1_000;
const BATCHES = 400;
const WARM_BATCHES = 100;
const ADDRESSES = 5_000;
const SEED = 7;
const SITE = { host: '', port: 7_000, backendPort: 7_001, folder: '', feature: null, tls: null } as const;
/** A short session: one question, one answer, the client closes first. */
const JOURNEY: readonly SessionEvent[] = [
	{ type: 'accepted' },
	{ type: 'connected' },
	{ type: 'eof', side: 'client' },
	{ type: 'eof', side: 'backend' },
	{ type: 'relay-ended' },
	{ type: 'closed' },
];

/** One worker's surroundings as `worker.ts` makes them, but for the engine. */
class Bench {
	readonly board: WorkerBoard;
	readonly context: SessionContext;
	readonly #backendSlots: Snapshot['pools'][number]['backends'][number]['slot'][];
	readonly #out: SessionAction[] = [];
	readonly #meter = { uploadBytes: 64, downloadBytes: 64, lastByteNs: 0, throttledNs: 0, throttledSinceNs: 0 };
	#nowNs = 1_000 * NS_PER_MS;

	constructor() {
		const registry = new SlotRegistry({ workers: 1, seed: SEED });
		const snapshot = compileBaseline(registry);
		this.board = new WorkerBoard(registry.memory, 0);
		this.#backendSlots = snapshot.pools.flatMap(({ backends }) => backends.map(({ slot }) => slot));
		const queues = new WorkerQueues(this.board, () => {});
		queues.apply(snapshot);
		const geo = makeGeoReader(snapshot.geo, openEmbeddedGeo());
		this.context = {
			world: makeWorld(snapshot, { live: this.board.scoreboard, geo, rng: seededRng(SEED) }),
			host: {
				clock: { wallMs: () => 0 },
				records: { access: () => {}, log: () => {} },
				tally: tallyOn(this.board),
				stats: new StatsWriter(createStats()),
				nextNumber: () => 0,
				held: new HeldClients(BASELINE_BACKEND_CAP, 1, () => {}),
				openDesk: () => new Holdings(this.board, queues),
			},
		};
	}

	/** One session from accept to account; true when it had a backend. */
	run(address: IpAddress, port: number): boolean {
		this.#nowNs += 1_000;
		const facts = { listener: 0, peer: { address, port }, local: { address, port: SITE.port } };
		const session = new Session(this.context, facts, this.#meter, this.#nowNs);
		let connected = false;
		for (const event of JOURNEY) {
			this.#out.length = 0;
			session.handle(event, this.#nowNs, this.#out);
			if (this.#out[0]?.type === 'connect') connected = true;
		}
		if (!session.over) throw new Error(`a session stayed ${session.currentState}`);
		return connected;
	}

	get connections(): number {
		return this.#backendSlots.reduce((sum, slot) => sum + this.board.scoreboard.active(slot), 0);
	}
}

function compileBaseline(registry: SlotRegistry): Snapshot {
	const slots: SlotSource = {
		claim: (kind, name, address) => registry.claim(kind, name, address),
		queue: (key) => registry.queue(key),
		clientTable: (key, size, rates) => registry.clientTable(key, size, rates.length),
	};
	const config = parseConfigObject(sluiceConfig(SITE, 'node', 1));
	const ports = new Map<string, number>();
	const defaultMaxConnections = BASELINE_BACKEND_CAP;
	return compileSnapshot(config, {
		id: 1,
		slots,
		resolved: new Map(),
		ports,
		geoDatabase: 'embedded',
		tls: PAPER_TLS,
		countriesOf,
		defaultMaxConnections,
	});
}

function tallyOn(board: WorkerBoard): Tally {
	return {
		connect: (backend, ok) => board.add(backend, ok ? 'connects' : 'connectFailures', 1),
		earlyReset: (backend) => board.add(backend, 'earlyResets', 1),
		moved: () => {},
		refused: (listener) => board.add(listener, 'refused', 1),
		ended: (places, uploadBytes, downloadBytes) => {
			for (const slot of places) {
				board.add(slot, 'sessions', 1);
				board.add(slot, 'uploadBytes', uploadBytes);
				board.add(slot, 'downloadBytes', downloadBytes);
			}
		},
	};
}

/** Random addresses that are served: of countries that a region has. */
function servedAddresses(bench: Bench): IpAddress[] {
	const rng = seededRng(SEED);
	const served: IpAddress[] = [];
	while (served.length < ADDRESSES) {
		const address = { a: 0, b: 0, c: V4_MAPPED, d: Math.floor(rng() * 2 ** 32) };
		if (bench.run(address, 1)) served.push(address);
	}
	return served;
}

function runBatch(bench: Bench, addresses: readonly IpAddress[], batch: number): void {
	for (let i = 0; i < BATCH; i++) {
		const address = addresses[(batch * BATCH + i) % addresses.length];
		if (address !== undefined) bench.run(address, i);
	}
}

function measure(collect: () => void): void {
	const bench = new Bench();
	const addresses = servedAddresses(bench);
	for (let batch = 0; batch < WARM_BATCHES; batch++) runBatch(bench, addresses, batch);
	const times: number[] = [];
	const allocated: number[] = [];
	for (let batch = 0; batch < BATCHES; batch++) {
		const heap = process.memoryUsage().heapUsed;
		const start = process.hrtime.bigint();
		runBatch(bench, addresses, batch);
		times.push(Number(process.hrtime.bigint() - start) / BATCH / 1_000);
		allocated.push((process.memoryUsage().heapUsed - heap) / BATCH);
	}
	collect();
	const before = process.memoryUsage().heapUsed;
	for (let batch = 0; batch < WARM_BATCHES; batch++) runBatch(bench, addresses, batch);
	collect();
	const kept = (process.memoryUsage().heapUsed - before) / (WARM_BATCHES * BATCH);
	if (bench.connections !== 0) throw new Error(`${bench.connections} places were not given back`);
	report(times, allocated, kept);
}

function report(times: readonly number[], allocated: readonly number[], kept: number): void {
	const sorted = [...times].sort((x, y) => x - y);
	const worst = sorted[Math.floor(0.99 * (sorted.length - 1))] ?? 0;
	const middle = median(times);
	const verdict = middle < GOAL_US ? 'met' : 'not met';
	console.log(
		`policy and session, us per session (means of ${BATCH}): median ${middle.toFixed(2)}, p99 ${worst.toFixed(2)}`,
	);
	console.log(`goal, under ${GOAL_US} us: ${verdict}`);
	// A batch in which the collector ran ends with less than it began with; the median is of those without.
	const grown = allocated.filter((bytes) => bytes > 0);
	console.log(
		`heap allocated per session: ${Math.round(median(grown))} bytes; kept after it: ${kept.toFixed(1)} bytes`,
	);
	process.exitCode = middle < GOAL_US ? 0 : 1;
}

if (globalThis.gc === undefined) throw new Error('run it with --expose-gc, as npm run bench:session does');
const { gc } = globalThis;
measure(() => void gc());
