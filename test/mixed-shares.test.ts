import t, { type Test } from 'tap';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { type Backend, echo, greet, startBackend } from './support/echo.ts';
import { Arrivals, flood, jainsIndex } from './support/flows.ts';
import {
	answers,
	type MixedApp,
	mixedConfig,
	onNode,
	PATIENT_MS,
	plain,
	startMixed,
	WORKERS,
} from './support/mixed.ts';
import { dial, type Peer, pass, until } from './support/peers.ts';

const LISTENERS = ['plain', 'secure'];
/** In a queue at once. */
const QUEUED = 16;

type Pool = Partial<ConfigInput['pools'][number]>;

interface House {
	readonly mixed: MixedApp;
	readonly backend: Backend;
	come(listener: string | undefined): Promise<Peer>;
}

/** Listener `plain` on one engine and `secure` on the other, in front of one pool with one backend. */
async function house(
	t: Test,
	onClient: NonNullable<Parameters<typeof startBackend>[1]>['onClient'],
	pool: (address: string) => Pool,
	more: Partial<ConfigInput> = {},
): Promise<House> {
	const backend = await startBackend(t, onClient === undefined ? {} : { onClient });
	const listeners = [plain('plain'), onNode('secure')];
	const mixed = await startMixed(t, mixedConfig(listeners, pool(backend.address), more));
	return { mixed, backend, come: (listener = '') => dial(t, mixed.address(listener)) };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
const isServed = ({ bytes }: Peer): boolean => bytes > 0;

t.test('a cap that both engines share is used in full and never exceeded', async (t) => {
	const cap = 5;
	const backendCap = (address: string): Pool => ({ backends: [{ address, maxConnections: cap }] });
	const anyBackend = (address: string): Pool => ({ backends: [{ address }] });
	for (const [what, pool, limits] of [
		['of a backend', backendCap, {}],
		['of the process', anyBackend, { maxConnections: cap }],
	] as const) {
		const { mixed, backend, come } = await house(t, greet('b'), pool, { limits });
		for (let round = 0; round < 3; round++) {
			const peers = await Promise.all(Array.from({ length: 8 * cap }, (_, i) => come(LISTENERS[i % 2])));
			await until(
				'all know where they are',
				() => peers.every((peer) => isServed(peer) || peer.ended !== null),
				PATIENT_MS,
			);
			t.equal(peers.filter(isServed).length, cap, `${what}: as many as it says`);
			for (const peer of peers) peer.socket.destroy();
			await mixed.atRest(2 * WORKERS);
		}
		t.equal(backend.peak, cap);
		t.strictSame(mixed.app.held.faults, []);
	}
});

t.test('a queue before both engines is served oldest first, and promptly', async (t) => {
	const { mixed, backend, come } = await house(t, greet('b'), (address) => ({
		backends: [{ address, maxConnections: 1 }],
		queue: { size: 100, timeout: '1m' },
	}));
	let inside = await come('plain');
	await until('the first is served', () => isServed(inside), PATIENT_MS);
	const queued: Peer[] = [];
	for (let i = 0; i < QUEUED; i++) {
		queued.push(await come(LISTENERS[(i + 1) % 2]));
		await until('it is accepted', () => mixed.app.sessions === i + 2, PATIENT_MS);
		// From there it is moments, and some more for the first session of a worker.
		await pass(40);
	}
	/** From the one engine to the other: to node, to epoll, and so on. */
	const waitsMs: number[] = [];
	for (const [at, next] of queued.entries()) {
		inside.fin();
		const from = performance.now();
		await until('somebody is served', () => queued.slice(at).some(isServed), PATIENT_MS);
		waitsMs.push(performance.now() - from);
		t.ok(isServed(next) && !queued.slice(at + 1).some(isServed), `number ${at}`);
		inside = next;
		// Its worker has gone to sleep by the time that it is woken.
		await pass(30);
	}
	inside.fin();
	await inside.ending();
	t.equal(backend.peak, 1);
	for (const [to, place] of [
		['node', 0],
		['epoll', 1],
	] as const) {
		const medianMs = median(waitsMs.filter((_, i) => i % 2 === place));
		t.ok(medianMs < 40, `a turn that goes to ${to} takes ${medianMs.toFixed(1)} ms`);
	}
	await mixed.atRest(2 * WORKERS);
	t.strictSame(mixed.app.held.faults, []);
});

t.test('clients that come and go by both engines through one queue all get their turn', async (t) => {
	const cap = 3;
	const { mixed, backend, come } = await house(t, echo, (address) => ({
		backends: [{ address, maxConnections: cap }],
		queue: { size: 100, timeout: '1m' },
	}));
	let served = 0;
	const clients = Array.from({ length: 16 }, async (_, i) => {
		for (let round = 0; round < 15; round++) {
			const client = await come(LISTENERS[i % 2]);
			await answers(client);
			client.fin();
			await client.ending();
			client.socket.destroy();
			served += 1;
		}
	});
	await Promise.all(clients);
	t.equal(served, 16 * 15);
	t.ok(backend.peak <= cap, `at most ${cap} at once: ${backend.peak}`);
	await mixed.atRest(2 * WORKERS);
	t.ok(mixed.heard.records.every(({ outcome }) => outcome === 'completed'));
});

t.test('sessions of both engines share a bucket equally, and use it in full', async (t) => {
	const rate = 1_000_000;
	const { backend, come } = await house(t, undefined, (address) => ({
		download: { rate: '8Mbit/s', burst: '64KiB' },
		backends: [{ address }],
	}));
	const flows: Arrivals[] = [];
	for (let i = 0; i < 4; i++) {
		const peer = await come(LISTENERS[i % 2]);
		flood(await backend.accepted(i));
		flows.push(new Arrivals(peer.socket));
	}
	const total = (): number => flows.reduce((sum, { bytes }) => sum + bytes, 0);
	await until('the burst is spent', () => total() > 65_536 + rate * 0.2, PATIENT_MS);
	const before = flows.map(({ bytes }) => bytes);
	const from = [performance.now(), total()] as const;
	await until('a second and a half of it', () => total() > from[1] + rate * 1.5, PATIENT_MS);
	const share = (total() - from[1]) / ((rate * (performance.now() - from[0])) / 1_000);
	const index = jainsIndex(flows.map(({ bytes }, i) => bytes - (before[i] ?? 0)));
	t.ok(index >= 0.98, `Jain's index ${index.toFixed(4)}`);
	t.ok(share > 0.9 && share < 1.1, `${share.toFixed(3)} of the rate`);
});
