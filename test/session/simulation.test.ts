import t from 'tap';
import type { RelayGate, RelayGates } from '../../src/core/session-io.ts';
import type { BackendSnapshot, SlotRef, Snapshot } from '../../src/core/snapshot.ts';
import { WorkerQueues } from '../../src/policy/worker-queues.ts';
import type { GatePath } from '../../src/shared/gate.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import type { WorkerBoard } from '../../src/shared/worker-board.ts';
import { SimulatedHouse } from '../support/simulated-house.ts';
import { Simulation, type SimulationOptions, type SimulationResult } from '../support/simulation.ts';

function simulate(options: Partial<SimulationOptions> & { seed: number; sessions: number }): SimulationResult {
	const workers = options.workers ?? 3;
	return new Simulation(new SimulatedHouse(workers, options.seed), { workers, ...options }).run();
}

t.test('100,000 sessions with faults: caps hold, everything is given back', async (t) => {
	const result = simulate({ seed: 1, sessions: 100_000 });
	t.same(result.faults, []);
	t.equal(result.sessions, 100_000);
	t.ok(result.mostWaiting > 10, `up to ${result.mostWaiting} directions waited for a bucket at once`);
	t.ok(result.workersLost > 20, `${result.workersLost} workers were lost on the way`);
	for (const [name, cap] of [
		['eu-1', 8],
		['eu-2', 5],
		['us-1', 10],
		['us-2', 10],
		['us-spare', 4],
	] as const) {
		t.equal(result.mostOpen.get(name), cap, `${name} reached its cap`);
	}
	const met = [...result.outcomes.keys()].sort();
	t.same(
		met,
		[
			'access-denied',
			'backend-reset',
			'client-hello-invalid',
			'client-hello-timeout',
			'client-left',
			'client-reset',
			'completed',
			'connect-failed',
			'half-close-timeout',
			'idle-timeout',
			'max-connections',
			'max-duration',
			'not-tls',
			'pool-down',
			'pool-full',
			'proxy-header-invalid',
			'proxy-header-timeout',
			'queue-timeout',
			'rate-limited',
			'tls-failed',
			'upstream-tls-failed',
		],
		'the faults lead to every outcome that a simulation can have',
	);
});

t.test('the same seed gives the same trace, another seed another', async (t) => {
	const [first, again, other] = [7, 7, 8].map((seed) => simulate({ seed, sessions: 3_000 }).trace);
	t.equal(first, again);
	t.not(first, other);
});

t.test('no worker lost: as many records as sessions', async (t) => {
	for (const workers of [1, 2]) t.same(simulate({ seed: 40 + workers, sessions: 2_000, workers }).faults, []);
});

t.test('a planted lost release is caught', async (t) => {
	class Forgetful extends Holdings {
		private static count = 0;
		override releaseAll(nowNs: number): void {
			Forgetful.count += 1;
			if (Forgetful.count % 500 !== 0) super.releaseAll(nowNs);
		}
	}
	const { faults } = simulate({ seed: 3, sessions: 2_000, desk: (board, queues) => new Forgetful(board, queues) });
	t.match(faults.join('\n'), /still counts/);
});

t.test('a planted cap that is off by one is caught', async (t) => {
	const generous = (snapshot: Snapshot): Snapshot => ({
		...snapshot,
		pools: snapshot.pools.map((pool) => ({ ...pool, backends: pool.backends.map(oneMore) })),
	});
	const { faults } = simulate({ seed: 3, sessions: 5_000, misread: generous });
	t.match(faults.join('\n'), /us-\d has 11 of 10/);
});

t.test('a planted lost wake-up is caught: somebody has a place and never hears of it', async (t) => {
	const { faults } = simulate({
		seed: 3,
		sessions: 5_000,
		queues: (board, wake) => new WorkerQueues(board, (worker) => (worker === 1 ? undefined : wake(worker))),
	});
	t.match(faults.join('\n'), /a grant of queue \d+:\d+ is not claimed/);
});

t.test('a planted grant that is forgotten is caught: a place stays free while others wait', async (t) => {
	class Selfish extends WorkerQueues {
		private readonly own: WorkerBoard;
		constructor(board: WorkerBoard, wake: (worker: number) => void) {
			super(board, wake);
			this.own = board;
		}
		override giveBack(slot: SlotRef): void {
			this.own.giveBack(slot);
		}
	}
	const { faults } = simulate({
		seed: 3,
		sessions: 5_000,
		queues: (board, wake) => new Selfish(board, wake),
		keep: false,
	});
	t.match(faults.join('\n'), /has room while \d+ wait/);
});

t.test('a planted grant that is given twice is caught', async (t) => {
	let given = 0;
	class Generous extends WorkerQueues {
		private readonly own: WorkerBoard;
		constructor(board: WorkerBoard, wake: (worker: number) => void) {
			super(board, wake);
			this.own = board;
		}
		override giveBack(slot: SlotRef, nowNs: number): void {
			super.giveBack(slot, nowNs);
			const others = this.own.scoreboard.waiting(this.own.scoreboard.queueOf(slot));
			if (others > 1 && this.own.scoreboard.active(slot) > 3 && ++given % 20 === 0) this.own.giveBack(slot);
		}
	}
	const { faults } = simulate({
		seed: 3,
		sessions: 5_000,
		queues: (board, wake) => new Generous(board, wake),
		stopAtFault: true,
	});
	t.match(faults.join('\n'), /has \d+ of \d+|counts less than 0/);
});

t.test('a planted bucket that earns too much is caught', async (t) => {
	const misapplied = (snapshot: Snapshot): Snapshot => ({
		...snapshot,
		listeners: snapshot.listeners.map((listener) => ({ ...listener, shaping: { ...listener.shaping, ...faster } })),
	});
	const { faults } = simulate({ seed: 3, sessions: 20_000, misapplied });
	t.match(faults.join('\n'), /the download bucket of listener game has given \d+ bytes too many/);
});

t.test('a planted session that gives back what it has used is caught', async (t) => {
	class Greedy extends Holdings {
		override gates(path: GatePath): RelayGates {
			const { upload, download } = super.gates(path);
			return { upload, download: delegate(download, () => giveAllBack(download)) };
		}
	}
	const { faults } = simulate({ seed: 3, sessions: 20_000, desk: (board, queues) => new Greedy(board, queues) });
	t.match(faults.join('\n'), /the download bucket of \w+ \w+ has given \d+ bytes too many/);
});

/** Downloads are faster, and save up more, than is configured. */
const faster = {
	listener: {
		upload: { bytesPerSecond: 1_000_000, burstBytes: 20_000 },
		download: { bytesPerSecond: 2_600_000, burstBytes: 40_000 },
	},
};

const delegate = (gate: RelayGate, rest: () => void): RelayGate => ({
	get readyNs() {
		return gate.readyNs;
	},
	ask: (want, nowNs) => gate.ask(want, nowNs),
	unused: (bytes) => gate.unused(bytes),
	rest,
});

function giveAllBack(gate: RelayGate): void {
	gate.unused(4_000);
	gate.rest();
}

const oneMore = (backend: BackendSnapshot): BackendSnapshot =>
	backend.maxConnections === null ? backend : { ...backend, maxConnections: backend.maxConnections + 1 };
