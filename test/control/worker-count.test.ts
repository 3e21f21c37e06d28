import { availableParallelism } from 'node:os';
import t from 'tap';
import { countWorkers } from '../../src/control/worker-count.ts';
import { MAX_WORKERS } from '../../src/shared/layout.ts';

const MOST = 63;

t.test('so many as it says, or one per core; each of two engines has as many', async (t) => {
	const log = { warn: () => t.fail('nothing to warn of') };
	const count = (workers: number | 'auto') => countWorkers({ workers }, { log, reusePort: true });
	t.equal(await count(3), 3);
	t.equal(await count('auto'), Math.min(availableParallelism(), MOST));
	t.equal(await count(MOST), MOST);
	t.ok(2 * MOST <= MAX_WORKERS);
	await t.rejects(count(MOST + 1), { code: 'too-many-workers', message: `workers: ${MOST + 1} is more than ${MOST}` });
});

t.test('one where several sockets cannot listen on one address, and that is told', async (t) => {
	const told: string[] = [];
	const log = { warn: (msg: string) => void told.push(msg) };
	t.equal(await countWorkers({ workers: 4 }, { log, reusePort: false }), 1);
	t.match(told, [/one worker/]);
});
