import t from 'tap';
import { startEcho } from './support/echo.ts';
import {
	answers,
	type MixedApp,
	mixedConfig,
	onNode,
	PATIENT_MS,
	plain,
	startMixed,
	threadsOf,
	WORKERS,
} from './support/mixed.ts';
import { descriptors } from './support/net-ports.ts';
import { dial, type Peer, until } from './support/peers.ts';

const CLIENTS = 20;

/** Ends one worker of this engine, and waits for its replacement. */
async function kill({ app, heard }: MixedApp, engine: 'epoll' | 'node', place = 0): Promise<void> {
	const replaced = (): number => heard.events.filter(({ msg }) => msg === 'worker replaced').length;
	const before = replaced();
	await threadsOf(app, engine)[place]?.terminate();
	await until('it is replaced', () => replaced() > before, PATIENT_MS);
}

for (const engine of ['epoll', 'node'] as const) {
	t.test(
		`a worker of ${engine} dies: the other engine's sessions and its fellow's go on, and it is replaced`,
		async (t) => {
			const backend = await startEcho(t);
			const limits = { maxConnections: 2 * CLIENTS };
			const config = mixedConfig(
				[plain('plain'), onNode('secure')],
				{ backends: [{ address: backend.address }] },
				{ limits },
			);
			const mixed = await startMixed(t, config);
			const crowd = (listener: string): Promise<Peer[]> =>
				Promise.all(Array.from({ length: CLIENTS }, () => dial(t, mixed.address(listener))));
			const [hit, spared] = engine === 'epoll' ? ['plain', 'secure'] : ['secure', 'plain'];
			const [struck, others] = await Promise.all([crowd(hit), crowd(spared)]);
			await Promise.all([...struck, ...others].map(answers));
			await kill(mixed, engine);
			const gone = (): Peer[] => struck.filter(({ ended }) => ended !== null);
			const died = await mixed.heard.event('worker died');
			t.match(died.fields, { engine, worker: engine === 'epoll' ? 0 : WORKERS });
			await until('who was lost knows it', () => gone().length === died.fields.sessionsLost, PATIENT_MS);
			t.ok(gone().length > 0 && gone().length < CLIENTS, `${gone().length} of ${CLIENTS} were on it`);
			t.ok(gone().every(({ ended }) => ended === (engine === 'epoll' ? 'reset' : 'fin')));
			await Promise.all([...others, ...struck.filter(({ ended }) => ended === null)].map(answers));
			const again = await Promise.all(gone().map(() => dial(t, mixed.address(spared))));
			await Promise.all(again.map(answers));
			t.pass('every place it held can be taken again, by the other engine');
			for (const peer of [...struck, ...others, ...again]) peer.socket.destroy();
			await mixed.atRest(2 * WORKERS);
			t.strictSame(mixed.app.held.faults, []);
		},
	);
}

t.test('workers of both engines die while sessions come and go: nothing is held and nothing stays open', async (t) => {
	const backend = await startEcho(t);
	const pool = { backends: [{ address: backend.address, maxConnections: 6 }], queue: { size: 100, timeout: '10s' } };
	const mixed = await startMixed(t, mixedConfig([plain('plain'), onNode('secure')], pool));
	const visit = async (listener: string): Promise<void> => {
		const client = await dial(t, mixed.address(listener));
		await answers(client).catch(() => {});
		client.socket.destroy();
	};
	await Promise.all([visit('plain'), visit('secure')]);
	await mixed.atRest(2 * WORKERS);
	const before = descriptors();
	let stopped = false;
	const busy = ['plain', 'secure'].flatMap((listener) =>
		Array.from({ length: 8 }, async () => {
			while (!stopped) await visit(listener).catch(() => {});
		}),
	);
	for (const [engine, place] of [
		['node', 0],
		['epoll', 1],
		['node', 1],
		['epoll', 0],
	] as const) {
		await kill(mixed, engine, place);
	}
	stopped = true;
	await Promise.all(busy);
	await mixed.atRest(2 * WORKERS);
	t.strictSame(mixed.app.held.faults, []);
	await until('all is closed', () => descriptors() <= before && backend.sockets.size === 0, PATIENT_MS);
	for (const listener of ['plain', 'secure']) await visit(listener);
});

t.test('a worker that dies while nobody needs it, or while it is let go, is forgotten', async (t) => {
	const backend = await startEcho(t);
	const backends = [{ address: backend.address }];
	const [alone, both] = [
		mixedConfig([plain('plain')], { backends }),
		mixedConfig([plain('plain'), onNode('secure')], { backends }),
	];
	const mixed = await startMixed(t, both);
	const held = await dial(t, mixed.address('secure'));
	await answers(held);
	await mixed.reload(alone);
	const victims = threadsOf(mixed.app, 'node');
	t.equal(victims.length, WORKERS);
	await Promise.all(victims.map((victim) => victim.terminate()));
	await held.ending();
	await until('they are gone for good', () => mixed.app.workers.length === WORKERS, PATIENT_MS);
	await mixed.heard.event('workers no longer needed');
	await mixed.reload(both);
	await answers(await dial(t, mixed.address('secure')));
});
