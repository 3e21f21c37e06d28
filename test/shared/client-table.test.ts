import fc from 'fast-check';
import t from 'tap';
import type { IpAddress } from '../../src/core/address.ts';
import { AT_CAP, TAKEN } from '../../src/core/desk.ts';
import type { PerClientLimits } from '../../src/core/snapshot.ts';
import { ATOMICS } from '../../src/shared/atomics.ts';
import { clientLayout, createClientTable, HEAD_ACTIVE, HEAD_GENERATION } from '../../src/shared/client-layout.ts';
import { ClientTable } from '../../src/shared/client-table.ts';
import { clientLimits, rate, v4 } from '../support/scoreboards.ts';

const SECOND = 1e9;
const newTable = (capacity: number, rates = 0): ClientTable =>
	new ClientTable(createClientTable(capacity, rates, 2, 42), ATOMICS);

/** The keys of all entries in use, as text. */
function keysIn(table: ClientTable): string[] {
	const { words } = table.cells;
	const keys: string[] = [];
	for (let entry = 1; entry <= table.layout.capacity; entry++) {
		const at = table.headAt(entry);
		const generation = words[at + HEAD_GENERATION] ?? 0;
		if (generation !== 0 && generation % 2 === 0) keys.push(words.slice(at, at + 4).join('.'));
	}
	return keys;
}

const hold = (table: ClientTable, limits: PerClientLimits, client: IpAddress, nowNs: number) => {
	const result = table.take(0, limits, client, nowNs);
	return { result, entry: table.takenEntry, generation: table.takenGeneration };
};

const PREFIXES: [name: string, a: IpAddress, b: IpAddress, v4Bits: number, v6Bits: number, same: boolean][] = [
	['IPv4 whole, another host', v4(0x0a000001), v4(0x0a000002), 32, 64, false],
	['IPv4 by /24, the same network', v4(0x0a000001), v4(0x0a0000fe), 24, 64, true],
	['IPv4 by /24, the next network', v4(0x0a0000fe), v4(0x0a000101), 24, 64, false],
	['IPv4 by /0', v4(0x0a000001), v4(-1 >>> 0), 0, 64, true],
	['IPv6 by /64, the same', { a: 1, b: 2, c: 3, d: 4 }, { a: 1, b: 2, c: 9, d: 9 }, 32, 64, true],
	['IPv6 by /64, the next', { a: 1, b: 2, c: 3, d: 4 }, { a: 1, b: 3, c: 3, d: 4 }, 32, 64, false],
	['IPv6 by /48', { a: 1, b: 0x20001, c: 3, d: 4 }, { a: 1, b: 0x2ffff, c: 0, d: 0 }, 32, 48, true],
	['IPv6 whole', { a: 1, b: 2, c: 3, d: 4 }, { a: 1, b: 2, c: 3, d: 5 }, 32, 128, false],
	['IPv4 and an IPv6 that looks alike', v4(0x0a000001), { a: 0, b: 0, c: 0xfffe, d: 0x0a000001 }, 32, 128, false],
];
for (const [name, a, b, prefixV4, prefixV6, same] of PREFIXES) {
	t.test(`${name}: ${same ? 'one client' : 'two clients'}`, async (t) => {
		const limits = clientLimits(0, { maxConnections: 1, prefixV4, prefixV6 });
		const table = newTable(16);
		t.equal(table.take(0, limits, a, SECOND), TAKEN);
		t.equal(table.take(1, limits, b, SECOND), same ? AT_CAP : TAKEN);
		t.equal(table.active(limits, b), 1);
	});
}

t.test('a refused rate answers its index, takes no place and is not forgotten', async (t) => {
	const limits = clientLimits(0, { rates: [rate(5, 1000), rate(1, 10_000)] });
	const table = newTable(16, 2);
	t.same(
		[1, 2].map(() => table.take(0, limits, v4(1), SECOND)),
		[TAKEN, 1],
	);
	t.equal(table.active(limits, v4(1)), 1);
	t.equal(table.look(limits, v4(1), SECOND), 1);
	t.equal(table.take(0, limits, v4(2), SECOND), TAKEN, 'another client has rates of its own');
});

t.test('a table of two keeps those with sessions, and puts a third client on the shared entry', async (t) => {
	const limits = clientLimits(0, { maxConnections: 1 });
	const table = newTable(2);
	const first = hold(table, limits, v4(1), SECOND);
	hold(table, limits, v4(2), SECOND);
	t.equal(hold(table, limits, v4(3), SECOND).result, TAKEN);
	t.equal(hold(table, limits, v4(4), SECOND).result, AT_CAP, 'the shared entry has one cap for all');
	t.equal(table.overflowed, 2);
	t.equal(hold(table, limits, v4(1), SECOND).result, AT_CAP);
	table.release(0, first.entry, first.generation);
	t.equal(hold(table, limits, v4(4), SECOND).result, TAKEN);
	t.equal(table.evicted, 1);
	table.release(0, first.entry, first.generation);
	t.equal(table.active(limits, v4(4)), 1, 'a late release of the one before changes nothing');
});

t.test('of idle clients the one seen longest ago goes first, and its rates are forgotten', async (t) => {
	const limits = clientLimits(0, { rates: [rate(1, 3_600_000)] });
	const table = newTable(4, 1);
	for (const [client, at] of [
		[1, 10],
		[2, 5],
		[3, 20],
		[4, 15],
	] as const) {
		const held = hold(table, limits, v4(client), at * SECOND);
		table.release(0, held.entry, held.generation);
	}
	t.equal(hold(table, limits, v4(5), 30 * SECOND).result, TAKEN);
	t.equal(table.look(limits, v4(2), 30 * SECOND), TAKEN, 'client 2 is gone');
	for (const client of [1, 3, 4, 5])
		t.equal(table.look(limits, v4(client), 30 * SECOND), 0, `client ${client} is known`);
	t.equal(hold(table, limits, v4(2), 31 * SECOND).result, TAKEN, 'with fresh rates');
});

t.test('whatever comes and goes: bounded, no client twice, and nobody with a session is forgotten', async () => {
	const step = fc.record({
		client: fc.integer({ min: 0, max: 40 }),
		leave: fc.boolean(),
		gap: fc.integer({ max: 50, min: 0 }),
	});
	fc.assert(
		fc.property(fc.integer({ min: 1, max: 24 }), fc.array(step, { maxLength: 200 }), (capacity, steps) => {
			const table = newTable(capacity);
			const limits = clientLimits(0, { maxConnections: 3 });
			const held: { client: number; entry: number; generation: number }[] = [];
			let nowNs = SECOND;
			for (const { client, leave, gap } of steps) {
				nowNs += gap * 1e6;
				const leaver = leave ? held.shift() : undefined;
				if (leaver !== undefined) table.release(0, leaver.entry, leaver.generation);
				const { result, entry, generation } = hold(table, limits, v4(client), nowNs);
				if (result === TAKEN) held.push({ client, entry, generation });
				const keys = keysIn(table);
				if (keys.length > capacity || new Set(keys).size !== keys.length) return false;
				const own = held.filter((one) => one.client === client && one.entry !== 0).length;
				if (table.active(limits, v4(client)) !== own || own > 3) return false;
			}
			let active = 0;
			for (let entry = 0; entry <= capacity; entry++)
				active += table.cells.words[table.headAt(entry) + HEAD_ACTIVE] ?? 0;
			return active === held.length;
		}),
		{ numRuns: 200 },
	);
});

t.test('a table takes most of its size in clients with sessions before any must share', async (t) => {
	const table = newTable(4096);
	const limits = clientLimits(0);
	let clients = 0;
	while (table.overflowed === 0) hold(table, limits, v4(Math.imul(++clients, 2_654_435_761) >>> 0), SECOND);
	t.ok(clients > 0.85 * 4096, `${clients} of 4096`);
});

t.test('a large table commits the bodies of those it has seen only', async (t) => {
	const layout = clientLayout(1_000_000, 4, 64);
	t.ok(layout.totalWords * 4 < 1.2e9, 'addresses, not memory');
	const table = newTable(100_000, 3);
	for (let round = 0; round < 3; round++) {
		for (let client = 0; client < 500; client++) {
			const { entry, generation } = hold(table, clientLimits(0), v4(client), SECOND);
			table.release(0, entry, generation);
		}
	}
	t.equal(table.bodies, 501);
});
