/**
 * What does it cost to choose and take a backend, by algorithm and by the size of the pool? Scoreboard and ledger are
 * real, all backends are up but for a tenth, and a place is given back as soon as it is taken.
 * Run: node bench/placing-cost.ts
 */
import { compileSnapshot } from '../src/control/config/compile.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import { countriesOf } from '../src/control/geo/continents.ts';
import { PAPER_TLS } from '../src/control/tls/source.ts';
import { V4_MAPPED } from '../src/core/address.ts';
import type { BalanceAlgorithm } from '../src/core/snapshot.ts';
import { isPlacement, takePlacement } from '../src/policy/place.ts';
import { WorkerQueues } from '../src/policy/worker-queues.ts';
import { at, makeWorld, type World } from '../src/policy/world.ts';
import { seededRng } from '../src/rng.ts';
import { Holdings } from '../src/shared/holdings.ts';
import { SlotRegistry } from '../src/shared/registry.ts';
import { WorkerBoard } from '../src/shared/worker-board.ts';
import { median } from './support/stats.ts';

const SIZES = [10, 100, 1_000];
const ALGORITHMS: readonly BalanceAlgorithm[] = ['round-robin', 'least-connections', 'random', 'first', 'ip-hash'];
const BATCH = 1_000;
const BATCHES = 60;
const SEED = 7;
const CAP = 60_000;
/** One backend in so many is down. */
const DOWN_EVERY = 10;

interface House {
	readonly world: World;
	readonly desk: Holdings;
}

function houseOf(balance: BalanceAlgorithm, size: number, probed: boolean): House {
	const registry = new SlotRegistry({ workers: 1, seed: SEED });
	const backends = Array.from({ length: size }, (_, i) => ({
		address: `127.1.${i >> 7}.${1 + (i & 127)}:7001`,
		maxConnections: CAP,
	}));
	const config = parseConfigObject({
		listeners: [{ name: 'in', bind: '127.0.0.1:7000', routes: [{ to: ['out'] }] }],
		pools: [{ name: 'out', balance, backends }],
	});
	const snapshot = compileSnapshot(config, {
		id: 1,
		slots: {
			claim: (kind, name, address) => registry.claim(kind, name, address),
			queue: (key) => registry.queue(key),
			clientTable: (key, clients, rates) => registry.clientTable(key, clients, rates.length),
		},
		resolved: new Map(),
		ports: new Map(),
		geoDatabase: 'embedded',
		tls: PAPER_TLS,
		countriesOf,
		defaultMaxConnections: CAP,
	});
	const board = new WorkerBoard(registry.memory, 0);
	for (const [i, { slot }] of at(snapshot.pools, 0).backends.entries()) {
		if (probed) registry.scoreboard.setHealth(slot, i % DOWN_EVERY === 0 ? 'down' : 'up');
	}
	const world = makeWorld(snapshot, {
		live: board.scoreboard,
		geo: { country: () => null },
		rng: seededRng(SEED),
	});
	return { world, desk: new Holdings(board, new WorkerQueues(board, () => {})) };
}

/** Microseconds for one placement. */
function costOf({ world, desk }: House): number {
	const listener = at(world.snapshot.listeners, 0);
	const route = at(listener.routes, 0);
	const times: number[] = [];
	let client = 0;
	for (let batch = 0; batch < BATCHES; batch++) {
		const start = process.hrtime.bigint();
		for (let i = 0; i < BATCH; i++) {
			client = (client + 0x9e3779b9) >>> 0;
			const address = { a: 0, b: 0, c: V4_MAPPED, d: client };
			const placed = takePlacement(world, route, { listener, address, tried: [], mayWaitFirst: true }, desk, 1e9, null);
			if (!isPlacement(placed)) throw new Error(`no place: ${placed.verdict}`);
			desk.release('backend', 1e9);
		}
		times.push(Number(process.hrtime.bigint() - start) / BATCH / 1_000);
	}
	return median(times.slice(BATCHES / 3));
}

console.log(`us per placement          ${SIZES.map((size) => String(size).padStart(8)).join('')}  backends`);
for (const probed of [true, false]) {
	for (const balance of ALGORITHMS) {
		const costs = SIZES.map((size) =>
			costOf(houseOf(balance, size, probed))
				.toFixed(2)
				.padStart(8),
		);
		console.log(`${`${balance}${probed ? '' : ', not probed'}`.padEnd(26)}${costs.join('')}`);
	}
}
