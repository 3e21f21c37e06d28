import t from 'tap';
import { Heartbeat } from '../../src/control/heartbeat.ts';
import { beat, beatAt, createWakes } from '../../src/shared/wake.ts';

const MOST_MISSED = 8;

function bench(workers = 2) {
	const words = new Int32Array(createWakes(workers));
	const hung: number[] = [];
	const heartbeat = new Heartbeat({ words, workers, hangs: (worker) => hung.push(worker) });
	const look = (times: number, alive: readonly number[]): void => {
		for (let i = 0; i < times; i++) {
			for (const worker of alive) beat(words, worker);
			heartbeat.look();
		}
	};
	return { words, hung, heartbeat, look };
}

t.test('a worker that beats is left alone, one that stops is noticed after some looks, once', async (t) => {
	const { hung, look } = bench();
	look(20, [0, 1]);
	t.same(hung, []);
	look(MOST_MISSED - 1, [0]);
	t.same(hung, []);
	look(1, [0]);
	t.same(hung, [1]);
	look(MOST_MISSED - 1, [0]);
	t.same(hung, [1], 'its end takes a while');
});

t.test('one beat between the looks is enough', async (t) => {
	const { hung, look } = bench(1);
	look(1, [0]);
	for (let i = 0; i < 10; i++) {
		look(MOST_MISSED - 1, []);
		look(1, [0]);
	}
	t.same(hung, []);
});

t.test('a worker that has not begun is not missed, nor is its successor', async (t) => {
	const { words, hung, heartbeat, look } = bench(1);
	look(50, []);
	t.same(hung, []);
	look(1, [0]);
	look(MOST_MISSED - 2, []);
	heartbeat.reset(0);
	t.equal(words[beatAt(0)], 0);
	look(50, []);
	t.same(hung, []);
});

t.test('it looks by itself every second until it is stopped', async (t) => {
	const { words, heartbeat, hung } = bench(1);
	const clock = t.capture(globalThis, 'setInterval', (run: () => void, ms: number) => ({
		run,
		ms,
		unref: () => ({ run, ms }),
	}));
	beat(words, 0);
	heartbeat.start();
	const [call] = clock();
	const [run, ms] = call?.args ?? [];
	t.equal(ms, 1_000);
	for (let i = 0; i <= MOST_MISSED; i++) (run as () => void)();
	t.same(hung, [0]);
});
