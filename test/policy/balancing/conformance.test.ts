import v8 from 'node:v8';
import vm from 'node:vm';
import fc from 'fast-check';
import t from 'tap';
import { BALANCE_ALGORITHMS } from '../../../src/core/snapshot.ts';
import { addressOfV4 } from '../../../src/policy/address.ts';
import { NONE } from '../../../src/policy/balancing/contract.ts';
import { makeBalancer } from '../../../src/policy/balancing/index.ts';
import { backendsOf, FakeView, seededRandom } from '../../support/balance-view.ts';

const SIZES = [1, 2, 3, 64, 65, 1000];
const MEASURED_PICKS = 5_000;
/** Before the code is optimized, fractions within it are put on the heap: it has so many runs to get there. */
const ATTEMPTS = 20;
/** Some fractions, which the optimizer may leave on the heap, are let pass: something for each of 1,000 backends is not. */
const BYTES_PER_PICK = 256;
/** A fraction that a function returns may be put on the heap: the view's random numbers are not the pick's. */
const BYTES_PER_DRAW = 16;

const weight = fc.integer({ min: 0, max: 5 });
const backendState = fc.record({ weight, closed: fc.boolean(), active: fc.nat(20) });
const pool = fc.record({
	states: fc.oneof(
		fc.array(backendState, { maxLength: 10 }),
		fc.array(backendState, { minLength: 60, maxLength: 200, size: 'max' }),
	),
	seed: fc.nat(),
	turn: fc.nat(1_000_000),
	key: fc.option(fc.nat(0xffffffff)),
});

function viewOf(states: readonly { weight: number; closed: boolean; active: number }[], seed: number): FakeView {
	const view = new FakeView(backendsOf(states.map((state) => state.weight)), seed);
	for (const [i, state] of states.entries()) {
		view.closed[i] = state.closed;
		view.connections[i] = state.active;
	}
	return view;
}

function exposedGc(): () => void {
	v8.setFlagsFromString('--expose-gc');
	return vm.runInNewContext('gc');
}

for (const algorithm of BALANCE_ALGORITHMS) {
	t.test(`${algorithm} picks an open backend whenever there is one, and NONE when there is none`, (t) => {
		fc.assert(
			fc.property(pool, ({ states, seed, turn, key }) => {
				const view = viewOf(states, seed);
				view.turns = turn;
				view.key = key === null ? null : addressOfV4(key);
				view.keySeed = seed >>> 0;
				const pick = makeBalancer(algorithm, backendsOf(states.map((state) => state.weight)));
				const anyOpen = states.some((state) => !state.closed && state.weight > 0);
				for (let i = 0; i < 20; i++) {
					const index = pick(view);
					if (anyOpen ? !view.open(index) : index !== NONE) return false;
				}
				return true;
			}),
			{ numRuns: 300 },
		);
		t.end();
	});

	for (const size of SIZES) {
		t.test(`${algorithm} finds the one open backend of ${size}, wherever it is`, (t) => {
			const backends = backendsOf(new Array<number>(size).fill(1));
			const view = new FakeView(backends);
			const pick = makeBalancer(algorithm, backends);
			for (const only of new Set([0, 1, size >> 1, size - 2, size - 1].filter((i) => i >= 0 && i < size))) {
				view.openOnly([only]);
				for (let i = 0; i < 5; i++) t.equal(pick(view), only);
			}
			view.openOnly([]);
			t.equal(pick(view), NONE);
			t.end();
		});

		t.test(`${algorithm} makes the same picks of ${size} for the same random stream`, (t) => {
			const backends = backendsOf(Array.from({ length: size }, (_, i) => 1 + (i % 4)));
			const run = (): number[] => {
				const pick = makeBalancer(algorithm, backends);
				const view = new FakeView(backends, 7);
				const clients = seededRandom(8);
				return Array.from({ length: 200 }, () => {
					view.key = addressOfV4(clients() * 2 ** 32);
					const index = pick(view);
					view.connections[index] = view.active(index) + 1;
					return index;
				});
			};
			t.strictSame(run(), run());
			t.end();
		});
	}

	t.test(`${algorithm} copes with pools of weight 0 alone, and with no backends`, (t) => {
		for (const weights of [[], [0], [0, 0, 0]]) {
			const backends = backendsOf(weights);
			t.equal(makeBalancer(algorithm, backends)(new FakeView(backends)), NONE);
		}
		t.end();
	});

	t.test(`${algorithm} allocates next to nothing for a pick, however large the pool`, (t) => {
		const gc = exposedGc();
		for (const size of [3, 1000]) {
			const backends = backendsOf(Array.from({ length: size }, (_, i) => 1 + (i % 4)));
			const view = new FakeView(backends);
			const pick = makeBalancer(algorithm, backends);
			view.key = addressOfV4(1);
			view.closed[1] = true;
			let sum = 0;
			const run = (): void => {
				for (let i = 0; i < MEASURED_PICKS; i++) sum += pick(view);
			};
			let bytes = BYTES_PER_PICK;
			for (let attempt = 0; attempt < ATTEMPTS && bytes >= BYTES_PER_PICK; attempt++) {
				gc();
				view.draws = 0;
				const before = process.memoryUsage().heapUsed;
				run();
				const grown = process.memoryUsage().heapUsed - before;
				bytes = (grown - view.draws * BYTES_PER_DRAW) / MEASURED_PICKS;
			}
			t.ok(sum >= 0 && bytes < BYTES_PER_PICK, `${bytes} bytes a pick among ${size}`);
		}
		t.end();
	});
}
