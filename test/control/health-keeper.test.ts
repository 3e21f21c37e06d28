import t from 'tap';
import { HealthKeeper, LOOK_EVERY_MS } from '../../src/control/health-keeper.ts';
import type { ProbeRequest, ProbeResult } from '../../src/control/probe/request.ts';
import { JITTER } from '../../src/control/probe-schedule.ts';
import { formatTarget } from '../../src/core/address.ts';
import type { Health } from '../../src/core/desk.ts';
import type { LogEvent } from '../../src/core/record.ts';
import type { ActiveHealth, PassiveHealth, SlotRef } from '../../src/core/snapshot.ts';
import type { Total } from '../../src/shared/layout.ts';
import { countingSlots, type PoolSpec, snapshotOf } from '../support/snapshots.ts';
import { upstreamTls } from '../support/tls.ts';
import { VirtualTime } from '../support/virtual-time.ts';

const ACTIVE: ActiveHealth = {
	probe: { type: 'tcp' },
	intervalMs: 5_000,
	timeoutMs: 2_000,
	rise: 2,
	fall: 3,
	port: null,
};
const PASSIVE: PassiveHealth = { failures: 3, withinMs: 10_000, ejectMs: 20_000, maxEjected: 0.5 };
const GOOD: ProbeResult = { type: 'good' };
const REFUSED: ProbeResult = { type: 'bad', reason: 'connect refused (ECONNREFUSED)' };
const SHORT: ProbeResult = { type: 'none', reason: 'EMFILE' };
/** More than one interval, with its jitter. */
const ROUND_MS = ACTIVE.intervalMs * (1 + JITTER);

/** Backends `a`, `b`, ... at ports 1, 2, ...; their probes answer at once what `answers` says of their port. */
class House {
	readonly time = new VirtualTime();
	readonly answers = new Map<string, ProbeResult>();
	readonly probed: ProbeRequest[] = [];
	readonly shown = new Map<number, Health>();
	readonly totals = new Map<string, number>();
	readonly events: LogEvent[] = [];
	readonly keeper: HealthKeeper;
	private readonly claim = countingSlots();
	private readonly slots = new Map<string, SlotRef>();

	constructor() {
		const log =
			(level: 'info' | 'warn') =>
			(msg: string, fields: LogEvent['fields'] = {}) =>
				void this.events.push({ level, msg, fields });
		this.keeper = new HealthKeeper({
			board: {
				setHealth: (slot, health) => void this.shown.set(slot.index, health),
				total: (slot, total) => this.totals.get(`${slot.index} ${total}`) ?? 0,
			},
			log: { info: log('info'), warn: log('warn') },
			clock: this.time,
			wallMs: () => this.nowMs,
			schedule: {
				probe: (request, done) => {
					this.probed.push(request);
					return this.time.after(0, () => done(this.answers.get(formatTarget(request.target)) ?? GOOD));
				},
				after: this.time.after,
				rng: () => 0.5,
			},
			every: this.time.every,
		});
	}

	/** One pool with these backends; `down` at first answers REFUSED. */
	apply(names: string, health: PoolSpec['health'], more: PoolSpec = {}): void {
		const backends = [...names].map((name) => ({ name, target: targetOf(name) }));
		const snapshot = snapshotOf({ pools: [{ name: 'p', backends, ...more, ...(health && { health }) }] }, this.claim);
		for (const { name, slot } of snapshot.pools.flatMap((pool) => pool.backends)) this.slots.set(name, slot);
		this.keeper.apply(snapshot);
	}

	answer(name: string, result: ProbeResult): void {
		this.answers.set(formatTarget(targetOf(name)), result);
	}

	fail(name: string, count: number, total: Total = 'connectFailures'): void {
		const key = `${this.slots.get(name)?.index} ${total}`;
		this.totals.set(key, (this.totals.get(key) ?? 0) + count);
	}

	/** Lets the workers' counts be read. */
	look(): string {
		this.time.pass(LOOK_EVERY_MS);
		return this.health;
	}

	/** `a up, b down` */
	get health(): string {
		return [...this.slots].map(([name, { index }]) => `${name} ${this.shown.get(index) ?? 'unset'}`).join(', ');
	}

	get nowMs(): number {
		return this.time.nowNs() / 1e6;
	}

	lastErrorOf(name: string) {
		const slot = this.slots.get(name);
		return slot === undefined ? undefined : this.keeper.detailOf(slot).lastError;
	}

	/** The events since the last call. */
	told(): LogEvent[] {
		return this.events.splice(0);
	}
}

const targetOf = (name: string) => ({ type: 'tcp', host: '10.0.0.1', port: name.charCodeAt(0) - 96 }) as const;

t.test('a backend is unknown before its first probe, which comes soon and decides alone', async (t) => {
	const house = new House();
	house.answer('b', REFUSED);
	house.apply('ab', { active: ACTIVE, passive: null });
	t.equal(house.health, 'a unknown, b unknown');
	house.time.pass(100);
	t.equal(house.health, 'a up, b down');
	t.strictSame(house.told(), [
		{ level: 'info', msg: 'backend up', fields: { pool: 'p', backend: 'a', reason: 'connect answered, first probe' } },
		{
			level: 'warn',
			msg: 'backend down',
			fields: { pool: 'p', backend: 'b', reason: 'connect refused (ECONNREFUSED), first probe' },
		},
	]);
});

t.test('fall and rise, each flip one line with the reason and how long it had been so', async (t) => {
	const house = new House();
	house.apply('a', { active: ACTIVE, passive: null });
	house.time.pass(100);
	house.told();
	house.answer('a', REFUSED);
	house.time.pass(10_000);
	t.equal(house.health, 'a up');
	house.time.pass(5_000);
	t.equal(house.health, 'a down');
	t.strictSame(house.told(), [
		{
			level: 'warn',
			msg: 'backend down',
			fields: { pool: 'p', backend: 'a', reason: 'connect refused (ECONNREFUSED), 3 in a row', upMs: 15_000 },
		},
	]);
	house.answer('a', GOOD);
	house.time.pass(10_000);
	t.equal(house.health, 'a up');
	t.strictSame(house.told(), [
		{
			level: 'info',
			msg: 'backend up',
			fields: { pool: 'p', backend: 'a', reason: 'connect answered, 2 in a row', downMs: 10_000 },
		},
	]);
});

t.test('our own shortage is no result, told once', async (t) => {
	const house = new House();
	house.answer('a', SHORT);
	house.apply('a', { active: ACTIVE, passive: null });
	house.time.pass(60_000);
	t.equal(house.health, 'a unknown');
	t.strictSame(house.told(), [
		{ level: 'warn', msg: 'cannot probe', fields: { pool: 'p', backend: 'a', reason: 'EMFILE' } },
	]);
	house.answer('a', GOOD);
	house.time.pass(ROUND_MS);
	house.answer('a', SHORT);
	house.time.pass(10 * ROUND_MS);
	t.equal(house.health, 'a up');
});

t.test('what is probed: the address or its other port, a unix socket as it is, from the source address', async (t) => {
	const house = new House();
	const backends = [{ target: targetOf('a') }, { target: { type: 'unix', path: '/run/b' } as const }];
	house.apply('', { active: { ...ACTIVE, port: 99 }, passive: null }, { backends, sourceAddress: '10.0.0.5' });
	house.time.pass(200);
	t.strictSame(
		house.probed.map(({ target, sourceAddress, timeoutMs }) => [formatTarget(target), sourceAddress, timeoutMs]),
		[
			['10.0.0.1:99', '10.0.0.5', 2_000],
			['unix:/run/b', '10.0.0.5', 2_000],
		],
	);
});

t.test("how it is probed: as the pool's sessions would connect, and what good probes are told as", async (t) => {
	const told: string[] = [];
	const more = {
		backends: [{ name: 'a', target: targetOf('a'), hostName: 'a.example' }],
		proxyProtocol: { version: 'v2', tlvs: ['unique-id'] },
		tls: upstreamTls(),
	} as const;
	const probes: ActiveHealth['probe'][] = [
		{ type: 'tcp' },
		{ type: 'tls' },
		{ type: 'http', path: '/', status: [200] },
		{ type: 'script', steps: [{ send: 'a' }] },
	];
	for (const probe of probes) {
		const house = new House();
		house.apply('', { active: { ...ACTIVE, probe }, passive: null }, more);
		house.time.pass(200);
		const { proxyProtocol, tls } = more;
		t.match(house.probed, [{ probe, hostName: 'a.example', proxyProtocol, tls }]);
		told.push(...house.told().map(({ fields }) => String(fields.reason)));
	}
	t.strictSame(told, [
		'connect answered, first probe',
		'TLS handshake done, first probe',
		'status as expected, first probe',
		'script answered, first probe',
	]);
});

t.test('a thousand backends are probed soon and not at once', async (t) => {
	const house = new House();
	const backends = Array.from({ length: 1_000 }, (_, i) => ({ name: `b${i}`, target: targetOf('a') }));
	house.apply('', { active: ACTIVE, passive: null }, { backends });
	for (let ms = 0, before = 0; ms < 2_000; ms += 10) {
		house.time.pass(10);
		t.ok(house.probed.length - before <= 6, 'a few in any 10 ms');
		before = house.probed.length;
	}
	t.equal(house.probed.length, 1_000);
});

t.test('with probes off a backend counts as up', async (t) => {
	const house = new House();
	house.apply('a', { active: null, passive: null });
	house.time.pass(60_000);
	t.equal(house.health, 'a up');
	t.strictSame([house.probed, house.told()], [[], []]);
});

t.test('failures of sessions eject, and the time brings it back as it was', async (t) => {
	const house = new House();
	house.apply('ab', { active: ACTIVE, passive: PASSIVE });
	house.time.pass(100);
	house.told();
	house.fail('a', 2);
	t.equal(house.look(), 'a up, b up');
	house.fail('a', 1, 'earlyResets');
	t.equal(house.look(), 'a down, b up', 'good probes do not keep it');
	const reason = '3 failures of sessions, the last one a reset before the first byte';
	t.strictSame(house.told(), [
		{
			level: 'warn',
			msg: 'backend ejected',
			fields: { pool: 'p', backend: 'a', reason, forMs: 20_000, inARow: 1 },
		},
	]);
	house.fail('b', 3);
	t.equal(house.look(), 'a down, b up', 'no more than half of the pool');
	house.time.pass(20_000 - 2 * LOOK_EVERY_MS);
	t.equal(house.health, 'a down, b up', 'nor do they end it early');
	t.equal(house.look(), 'a up, b up');
	t.strictSame(house.told(), [
		{
			level: 'info',
			msg: 'backend returned',
			fields: { pool: 'p', backend: 'a', reason: 'its time is over', afterMs: 20_000, health: 'up' },
		},
	]);
});

t.test('one whose probes fail meanwhile returns as down', async (t) => {
	const house = new House();
	house.apply('ab', { active: ACTIVE, passive: PASSIVE });
	house.time.pass(100);
	house.fail('a', 3);
	house.look();
	house.answer('a', REFUSED);
	house.time.pass(25_000);
	t.equal(house.health, 'a down, b up');
	t.ok(house.told().some(({ msg, fields }) => msg === 'backend returned' && fields.health === 'down'));
});

t.test('what failed before passive health was on does not count', async (t) => {
	const house = new House();
	house.apply('ab', { active: null, passive: null });
	house.fail('a', 50);
	house.time.pass(1_000);
	house.apply('ab', { active: null, passive: PASSIVE });
	t.equal(house.look(), 'a up, b up');
	house.fail('a', 3);
	t.equal(house.look(), 'a down, b up');
	house.apply('ab', { active: null, passive: null });
	t.equal(house.health, 'a up, b up', 'and off again it returns at once');
});

t.test('the last error is what a session met, too, whatever is watched', async (t) => {
	for (const passive of [null, PASSIVE]) {
		const house = new House();
		for (const names of ['ab', 'b']) house.apply(names, { active: null, passive });
		house.fail('a', 5);
		house.apply('ab', { active: null, passive });
		house.look();
		t.equal(house.lastErrorOf('a'), null, 'what was before it was kept is no news');
		house.fail('a', 1);
		house.look();
		const timeMs = house.nowMs;
		house.time.pass(60_000);
		t.same(
			house.lastErrorOf('a'),
			{ timeMs, reason: 'a failed connect' },
			'when it was noticed, not when it is asked for',
		);
		house.fail('a', 1, 'earlyResets');
		house.look();
		t.match(house.lastErrorOf('a'), { reason: 'a reset before the first byte' });
		t.equal(house.lastErrorOf('b'), null);
	}
});

t.test('a reload: who stays keeps health and schedule, who is new is unknown, who left a last choice', async (t) => {
	const house = new House();
	const health = { active: ACTIVE, passive: PASSIVE };
	house.apply('ab', health);
	house.time.pass(3_000);
	const probes = house.probed.length;
	house.apply('ac', health);
	t.equal(house.health, 'a up, b up, c unknown', 'workers may still decide by the snapshot before');
	house.keeper.settle();
	t.equal(house.health, 'a up, b unknown, c unknown');
	house.time.pass(100);
	t.equal(house.health, 'a up, b unknown, c up');
	t.equal(house.probed.length, probes + 1, 'only the new one was probed');
	house.time.pass(2_200);
	t.equal(house.probed.length, probes + 2, 'then the old one, at its time; who left no more');
	house.apply('abc', health);
	t.equal(house.health, 'a up, b unknown, c up', 'who comes back begins anew');
});

t.test('who is down when it leaves stays down', async (t) => {
	const house = new House();
	house.answer('b', REFUSED);
	house.apply('ab', { active: ACTIVE, passive: null });
	house.time.pass(100);
	house.apply('a', { active: ACTIVE, passive: null });
	house.keeper.settle();
	t.equal(house.health, 'a up, b down');
});

t.test('changed settings count from then on', async (t) => {
	const house = new House();
	house.apply('a', { active: ACTIVE, passive: null });
	house.time.pass(100);
	house.answer('a', REFUSED);
	house.apply('a', { active: { ...ACTIVE, intervalMs: 1_000, fall: 1 }, passive: null });
	house.time.pass(1_000);
	t.equal(house.health, 'a down');
	house.told();
	house.apply('a', { active: null, passive: null });
	t.equal(house.health, 'a up');
	t.match(house.told(), [{ msg: 'backend up', fields: { reason: 'probes are off' } }]);
	house.apply('a', { active: ACTIVE, passive: null });
	t.equal(house.health, 'a unknown');
});

t.test('a pool that left, and a keeper that is stopped, probe no more', async (t) => {
	const house = new House();
	house.apply('a', { active: ACTIVE, passive: PASSIVE });
	house.time.pass(100);
	house.keeper.apply(snapshotOf({ pools: [] }));
	house.keeper.settle();
	t.equal(house.health, 'a unknown');
	house.apply('a', { active: ACTIVE, passive: PASSIVE });
	house.time.pass(100);
	const probes = house.probed.length;
	house.keeper.stop();
	house.fail('a', 10);
	house.time.pass(60_000);
	t.equal(house.probed.length, probes);
	t.equal(house.health, 'a up', 'what was decided stays');
});
