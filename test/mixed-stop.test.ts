import t from 'tap';
import { startEcho } from './support/echo.ts';
import { answers, mixedConfig, onNode, PATIENT_MS, plain, startMixed, WORKERS } from './support/mixed.ts';
import { dial, until } from './support/peers.ts';

t.test('a stop lets the sessions of both engines end, and closes what does not', async (t) => {
	const backend = await startEcho(t);
	const config = mixedConfig([plain('plain'), onNode('secure')], { backends: [{ address: backend.address }] });
	for (const drainMs of [60_000, 0]) {
		const { app, heard, address } = await startMixed(t, config);
		const peers = await Promise.all([dial(t, address('plain')), dial(t, address('secure'))]);
		await Promise.all(peers.map(answers));
		const stopped = app.stop({ preStopMs: 0, drainMs });
		if (drainMs > 0) {
			await Promise.all(peers.map(answers));
			for (const peer of peers) peer.fin();
		}
		await stopped;
		await Promise.all(peers.map((peer) => peer.ending()));
		t.same(
			heard.records.map(({ outcome }) => outcome),
			drainMs > 0 ? ['completed', 'completed'] : ['shutdown', 'shutdown'],
		);
		t.ok(app.held.zero);
	}
});

t.test('a stop while workers are on their way out or in waits for nobody in vain', async (t) => {
	const backend = await startEcho(t);
	const backends = [{ address: backend.address }];
	const [alone, both] = [
		mixedConfig([plain('plain')], { backends }),
		mixedConfig([plain('plain'), onNode('secure')], { backends }),
	];
	for (const when of ['in', 'out'] as const) {
		const { app, reload } = await startMixed(t, when === 'in' ? alone : both);
		const change = reload(when === 'in' ? both : alone).catch(() => {});
		if (when === 'out') {
			await change;
			await until('they leave', () => app.workers.length < 2 * WORKERS, PATIENT_MS);
		}
		const from = performance.now();
		await app.stop({ preStopMs: 0, drainMs: 60_000 });
		await change;
		t.ok(performance.now() - from < 30_000, when);
		t.equal(app.workers.length, 0);
	}
});
