import t from 'tap';
import { sendCrowd } from './support/crowd.ts';
import { FlappingBackend } from './support/flapping-backend.ts';
import { LiveSluice } from './support/live-scoreboard.ts';

const CLIENTS = 10_000;
const DOWN_MS = 150;
const UP_MS = 100;

const health = {
	active: { interval: '100ms', timeout: '500ms', rise: 1, fall: 1 },
	passive: { failures: 3, within: '1s', eject: '100ms' },
} as const;

t.test(`${CLIENTS} sessions while backends come and go: what was held is given back, seen live`, async (t) => {
	const backends = await Promise.all([1, 2, 3].map(() => FlappingBackend.start(t)));
	const sluice = new LiveSluice(t, {
		workers: 2,
		listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
		pools: [
			{
				name: 'main',
				retries: { attempts: 3, backoff: '5ms', maxBackoff: '20ms' },
				health,
				backends: backends.map(({ address }, i) => ({ name: `b${i}`, address, maxConnections: 100 })),
			},
		],
	});
	const port = await sluice.port('game');
	const flapping = flap(backends);
	const report = await sendCrowd(t, { port, clients: CLIENTS, atOnce: 40, pings: 1 });
	await flapping.stop();

	const told = Object.values(report).reduce((sum, count) => sum + count, 0);
	t.equal(told, CLIENTS, 'every client came to an end');
	t.ok((report.served ?? 0) > 0.9 * CLIENTS, `nearly all were served: ${report.served}`);
	const { faults } = await sluice.atRest();
	t.strictSame(faults, [], 'the scoreboard of the running process holds nothing and adds up');

	const flips = sluice.run.lines.filter(({ msg }) => /^backend (up|down|ejected|returned)$/.test(String(msg)));
	t.ok(flips.length > 2 * backends.length, `they did flap: ${flips.length} lines`);
	t.ok(
		flips.every(
			({ pool, backend, reason }) => pool === 'main' && /^b\d$/.test(String(backend)) && reason !== undefined,
		),
		'each line says who and why',
	);
	t.equal((await sluice.records()).length, CLIENTS, 'one record for each client');
});

/** One backend after the other goes away for a while, until stopped. */
function flap(backends: readonly FlappingBackend[]): { stop(): Promise<void> } {
	let going = true;
	const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
	const flapping = (async () => {
		for (let turn = 0; going; turn++) {
			const backend = backends[turn % backends.length];
			backend?.goAway();
			await pass(DOWN_MS);
			await backend?.comeBack();
			await pass(UP_MS);
		}
	})();
	return {
		stop: () => {
			going = false;
			return flapping;
		},
	};
}
