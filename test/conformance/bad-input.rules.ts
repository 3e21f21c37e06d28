import type { Test } from 'tap';
import { startBackend, startEcho } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer } from '../support/harness.ts';
import { configOf } from '../support/net-config.ts';
import { descriptors } from '../support/net-ports.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, type Peer, patternOf, until } from '../support/peers.ts';

const CROWD = 100;

const crowd = (t: Test, balancer: Balancer): Promise<Peer[]> =>
	Promise.all(Array.from({ length: CROWD }, () => dial(t, balancer.address())));

/** One good client is served; then nothing is held and no descriptor is left over. */
async function backToNormal(t: Test, balancer: Balancer, before: number): Promise<void> {
	const client = await dial(t, balancer.address());
	client.send('still there?');
	await client.heard(12);
	client.fin();
	await client.ending();
	await until('the scoreboard is empty', () => balancer.isZero());
	await until(`${before} descriptors`, () => descriptors() <= before, 6_000);
	t.pass('places and descriptors are back where they were');
}

const RULES: Rules = {
	'garbage is payload': async (t, target) => {
		const backend = await startEcho(t);
		const balancer = await target.start(t, configOf([backend.address]));
		const before = descriptors();
		const clients = await crowd(t, balancer);
		for (const [i, client] of clients.entries()) {
			client.send(patternOf(1 + i * 13));
			client.fin();
		}
		for (const client of clients) t.equal(await client.ending(), 'fin');
		const records = await balancer.recorded(CROWD);
		t.ok(
			records.every(
				({ outcome, uploadBytes, downloadBytes }) => outcome === 'completed' && uploadBytes === downloadBytes,
			),
		);
		await backToNormal(t, balancer, before);
	},

	'clients that send nothing are let go by the idle timeout': async (t, target) => {
		const backend = await startEcho(t);
		const balancer = await target.start(t, configOf([backend.address], { listener: { timeouts: { idle: '150ms' } } }));
		const before = descriptors();
		for (const client of await crowd(t, balancer)) {
			t.equal(await client.ending(), 'fin');
			client.fin();
		}
		const records = await balancer.recorded(CROWD);
		t.ok(records.every(({ outcome }) => outcome === 'idle-timeout'));
		await backToNormal(t, balancer, before);
	},

	'clients that reset mid-way leave nothing behind': async (t, target) => {
		const backend = await startEcho(t);
		const balancer = await target.start(t, configOf([backend.address]));
		const before = descriptors();
		const clients = await crowd(t, balancer);
		const data = patternOf(100_000);
		for (const client of clients) client.send(data);
		// One that is reset before it was accepted never becomes a session.
		for (const client of clients) await client.heard(1);
		for (const client of clients) client.reset();
		const records = await balancer.recorded(CROWD);
		t.same(new Set(records.map(({ outcome }) => outcome)), new Set(['client-reset']));
		await backToNormal(t, balancer, before);
	},

	'clients that reset as soon as they are connected leave nothing behind': async (t, target) => {
		const backend = await startEcho(t);
		const balancer = await target.start(t, configOf([backend.address]));
		const before = descriptors();
		for (let i = 0; i < CROWD; i++) (await dial(t, balancer.address())).reset();
		await backToNormal(t, balancer, before);
		const wrong = balancer.records.filter(({ outcome }) => outcome !== 'client-reset' && outcome !== 'completed');
		t.same(wrong, []);
	},

	'a backend that accepts and hangs costs its own clients only': async (t, target) => {
		const [hangs, works] = [await startBackend(t, { onClient: (socket) => socket.pause() }), await startEcho(t)];
		const listener = { timeouts: { idle: '200ms' } };
		const balancer = await target.start(t, configOf([hangs.address, works.address], { listener }));
		const clients = await crowd(t, balancer);
		for (const client of clients) client.send('hello');
		await until('half of them are served', () => clients.filter(({ bytes }) => bytes === 5).length === CROWD / 2);
		for (const client of clients) {
			await client.ending();
			client.fin();
		}
		for (const socket of hangs.sockets) socket.destroy();
		const records = await balancer.recorded(CROWD, 6_000);
		t.ok(records.every(({ outcome }) => outcome === 'idle-timeout'));
		await until('the scoreboard is empty', () => balancer.isZero());
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
