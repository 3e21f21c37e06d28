import { test } from 'tap';
import { ClientRates } from '../../../src/control/steering/client-rates.ts';
import { Sampler } from '../../../src/control/steering/sampler.ts';
import { WorkerDesk } from '../../../src/control/steering/worker-desk.ts';
import type { ToWorker } from '../../../src/core/messages.ts';
import type { ClientFacts, SessionFacts, SessionFilter } from '../../../src/core/session-facts.ts';
import { parseAddress } from '../../../src/policy/address.ts';
import { buildNetworkTable } from '../../../src/policy/network-table.ts';
import { busiestClients, listSessions } from '../../../src/session/directory.ts';

const ALL: SessionFilter = { listener: null, pool: null, backend: null, country: null, client: null, waiting: false };

const facts = (number: number, given: Partial<SessionFacts> = {}): SessionFacts => ({
	number,
	listener: 'game',
	peer: parseAddress('198.51.100.7'),
	peerPort: 1,
	client: parseAddress('198.51.100.7'),
	clientPort: 1,
	country: 'DE',
	region: null,
	sni: null,
	alpn: null,
	route: '1',
	pool: 'eu',
	backend: 'a',
	state: 'relaying',
	ageMs: 1,
	idleMs: null,
	uploadBytes: 0,
	downloadBytes: 0,
	throttledMs: 0,
	throttled: false,
	...given,
});

const sessionsOf = (all: readonly SessionFacts[]) => all.map((one) => ({ number: one.number, facts: () => one }));

test('a filter means what all its parts mean', (t) => {
	const sessions = sessionsOf([
		facts(1),
		facts(2, { listener: 'chat' }),
		facts(3, { pool: 'us' }),
		facts(4, { backend: 'b' }),
		facts(5, { country: null }),
		facts(6, { client: parseAddress('2001:db8::1') }),
		facts(7, { client: null }),
		facts(8, { throttled: true }),
		facts(9, { state: 'queued', backend: null }),
	]);
	const numbers = (filter: Partial<SessionFilter>): number[] =>
		listSessions(sessions, { ...ALL, ...filter }, { after: 0, limit: 99 }, 0).map(({ number }) => number);
	t.same(numbers({}), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
	t.same(numbers({ listener: 'chat' }), [2]);
	t.same(numbers({ pool: 'us' }), [3]);
	t.same(numbers({ backend: 'a' }), [1, 2, 3, 5, 6, 7, 8]);
	t.same(numbers({ country: 'DE', pool: 'eu', listener: 'game' }), [1, 4, 6, 7, 8, 9]);
	t.same(numbers({ client: buildNetworkTable(['198.51.100.0/24']) }), [1, 2, 3, 4, 5, 8, 9]);
	t.same(numbers({ client: buildNetworkTable(['2001:db8::/32']) }), [6]);
	t.same(numbers({ waiting: true }), [8, 9]);
	t.same(numbers({ waiting: true, backend: 'a' }), [8]);
	t.end();
});

test('pages go on behind a number', (t) => {
	const sessions = sessionsOf([1, 2, 5, 9].map((number) => facts(number)));
	const page = (after: number) => listSessions(sessions, ALL, { after, limit: 2 }, 0).map(({ number }) => number);
	t.same([page(0), page(2), page(9)], [[1, 2], [5, 9], []]);
	t.end();
});

test('the busiest clients come first, each with all its sessions', (t) => {
	const other = { client: parseAddress('203.0.113.1') };
	const sessions = sessionsOf([
		facts(1, { uploadBytes: 5 }),
		facts(2, { downloadBytes: 6 }),
		facts(3, { ...other, uploadBytes: 100 }),
		facts(4, { listener: 'chat', uploadBytes: 50 }),
		facts(5, { client: null, uploadBytes: 999 }),
	]);
	const rows = (listener: string | null, limit: number) =>
		busiestClients(sessions, listener, limit, 0).map(({ listener, active, uploadBytes, downloadBytes }) => [
			listener,
			active,
			uploadBytes,
			downloadBytes,
		]);
	t.same(rows(null, 9), [
		['game', 1, 100, 0],
		['chat', 1, 50, 0],
		['game', 2, 5, 6],
	]);
	t.same(rows('game', 1), [['game', 1, 100, 0]]);
	t.end();
});

/** Workers that answer, but for the `mute` ones. */
function desk(sessions: Readonly<Record<number, readonly number[]>>, mute: readonly number[] = []) {
	const timers: (() => void)[] = [];
	const sent: [number, ToWorker][] = [];
	const desk: WorkerDesk = new WorkerDesk({
		workers: () => Object.keys(sessions).map(Number),
		send: (worker, message) => {
			sent.push([worker, message]);
			if (mute.includes(worker)) return;
			const own = sessionsOf((sessions[worker] ?? []).map((number) => facts(number)));
			if (message.type === 'list')
				desk.heard({ type: 'listed', ask: message.ask, sessions: listSessions(own, message.filter, message, 0) });
			if (message.type === 'kill')
				desk.heard({ type: 'killed', ask: message.ask, found: sessions[worker]?.includes(message.session) === true });
		},
		after: (_ms, run) => {
			timers.push(run);
			return () => timers.splice(timers.indexOf(run), 1);
		},
	});
	return { desk, timers, sent };
}

test('workers are asked one after the other until the page is full', async (t) => {
	const { desk: asked, sent, timers } = desk({ 0: [1, 2, 3], 1: [1, 2], 3: [7] });
	const ids = async (after: { worker: number; number: number } | null, limit: number): Promise<string[]> =>
		(await asked.list(ALL, after, limit)).map(({ worker, number }) => `${worker}-${number}`);
	t.same(await ids(null, 4), ['0-1', '0-2', '0-3', '1-1']);
	t.equal(sent.length, 2, 'nobody is asked for nothing');
	t.same(await ids({ worker: 1, number: 1 }, 4), ['1-2', '3-7']);
	t.same(timers, [], 'no timer is left');
});

test('a worker that does not answer is left out after a while', async (t) => {
	const { desk: asked, timers } = desk({ 0: [1], 1: [2] }, [0]);
	const page = asked.list(ALL, null, 10);
	timers[0]?.();
	t.same(
		(await page).map(({ number }) => number),
		[2],
	);
});

test('a session is killed where it is, and nowhere else', async (t) => {
	const { desk: asked, sent } = desk({ 0: [1], 1: [2] });
	t.equal(await asked.kill({ worker: 1, number: 2 }), true);
	t.equal(await asked.kill({ worker: 1, number: 1 }), false);
	t.equal(await asked.kill({ worker: 9, number: 1 }), false);
	t.same(
		sent.map(([worker]) => worker),
		[1, 1],
	);
});

test('rates of places are those between the last two samples', (t) => {
	const slot = { index: 0, generation: 1 };
	const totals = { uploadBytes: 0, downloadBytes: 0, sessions: 0 };
	const sampler = new Sampler({ total: (_slot, total) => totals[total as keyof typeof totals] });
	t.equal(sampler.ratesOf(slot).uploadBytesPerSecond, 0);
	sampler.sample([slot], 0);
	totals.uploadBytes = 500;
	totals.sessions = 4;
	sampler.sample([slot], 2_000);
	t.match(sampler.ratesOf(slot), { uploadBytesPerSecond: 250, downloadBytesPerSecond: 0, sessionsPerSecond: 2 });
	sampler.sample([slot], 3_000);
	t.equal(sampler.ratesOf(slot).uploadBytesPerSecond, 0);
	t.equal(sampler.trafficOf(slot).uploadBytes, 500);
	sampler.sample([], 4_000);
	t.equal(sampler.ratesOf(slot).sessionsPerSecond, 0, 'a place that has left is forgotten');
	t.end();
});

/** What somebody sees of one client, at this second. */
function clientLooks() {
	const rates = new ClientRates();
	const client = (uploadBytes: number, last = 7): ClientFacts => ({
		listener: 'game',
		client: parseAddress(`198.51.100.${last}`) ?? { a: 0, b: 0, c: 0, d: 0 },
		active: 1,
		uploadBytes,
		downloadBytes: 0,
	});
	const look = (bytes: readonly number[], second: number): number[] =>
		rates
			.viewsOf(
				bytes.map((one) => client(one)),
				second * 1e9,
				10,
			)
			.map(({ uploadBytesPerSecond }) => uploadBytesPerSecond);
	return { rates, client, look };
}

test('rates of clients are those since the last look, and never negative', (t) => {
	const { look } = clientLooks();
	t.same(look([100, 100], 1), [0], 'two workers, one client');
	t.same(look([300, 200], 3), [150]);
	t.same(look([10], 4), [0], 'a session ended');
	t.same(look([1_000], 400), [0], 'too long ago');
	t.end();
});

test('two who look one after the other see the same rates', (t) => {
	const { look } = clientLooks();
	look([1_000], 1);
	t.same(look([2_000], 2), [1_000]);
	t.same(look([2_020], 2.02), [1_000], 'of the time since the second before, not of 20 ms');
	t.same(look([3_000], 3), [1_000]);
	t.end();
});

test('who looks at fewer clients makes nobody forget the others', (t) => {
	const { rates, client } = clientLooks();
	rates.viewsOf([client(0, 1), client(0, 2)], 1e9, 10);
	rates.viewsOf([client(500, 1)], 2e9, 1);
	const seen = rates.viewsOf([client(500, 1), client(3_000, 2)], 3e9, 10);
	t.same(
		seen.map(({ client, uploadBytesPerSecond }) => [client, uploadBytesPerSecond]),
		[
			['198.51.100.2', 1_500],
			['198.51.100.1', 0],
		],
	);
	t.end();
});

test('a look at more clients than are kept otherwise forgets none of them', (t) => {
	const { rates, client } = clientLooks();
	const crowd = (uploadBytes: number) =>
		Array.from({ length: 12_000 }, (_, i) => ({ ...client(uploadBytes), client: { a: 1, b: i, c: 0, d: 0 } }));
	rates.viewsOf(crowd(0), 1e9, 1);
	const idle = rates
		.viewsOf(crowd(500), 2e9, 12_000)
		.filter(({ uploadBytesPerSecond }) => uploadBytesPerSecond !== 500);
	t.equal(idle.length, 0);
	t.end();
});
