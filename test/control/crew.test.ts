import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { Crew, type CrewOwner } from '../../src/control/crew.ts';

/** A crew whose workers run this text; tells what happens in words. */
function bench(t: Tap, script: string, delays: readonly (number | null)[]) {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-crew-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const file = join(folder, 'worker.mjs');
	writeFileSync(file, script);
	const told: string[] = [];
	const { promise: end, resolve: finish } = Promise.withResolvers<void>();
	const owner: CrewOwner = {
		startData: (worker) => ({
			worker,
			place: worker,
			workers: 2,
			memory: { pages: [], clientTables: [], queues: [], wakes: new SharedArrayBuffer(0), rings: [], stats: [] },
			seed: 0,
			bells: [],
			native: null,
		}),
		sent: () => {},
		message: (worker, message) => told.push(`${worker} says ${JSON.stringify(message)}`),
		died: async (worker, reason) => {
			await new Promise((resolve) => setImmediate(resolve));
			told.push(`${worker} died: ${reason}`);
		},
		joined: (worker) => told.push(`${worker} joined`),
		givenUp: (reason) => {
			told.push(`given up: ${reason}`);
			finish();
		},
		nowMs: () => 0,
		restartDelayMs: (deaths) => delays[deaths.length - 1] ?? null,
	};
	const crew = new Crew(pathToFileURL(file), owner);
	t.teardown(() => crew.dismiss());
	return { crew, told, end };
}

interface Tap {
	teardown(end: () => void | Promise<void>): void;
}

t.test('a dead worker is buried first, then replaced under its number, until it is given up', async (t) => {
	const { crew, told, end } = bench(t, 'process.exit(3);', [0, 1, null]);
	crew.spawn(1);
	await end;
	t.strictSame(told, [
		'1 died: left by itself (exit code 3)',
		'1 joined',
		'1 died: left by itself (exit code 3)',
		'1 joined',
		'1 died: left by itself (exit code 3)',
		'given up: workers keep dying, the last one of: left by itself (exit code 3)',
	]);
	t.strictSame(crew.numbers, []);
});

t.test('an error thrown in a worker is the reason of its death', async (t) => {
	const { crew, told, end } = bench(t, "throw new Error('no luck');", []);
	crew.spawn(0);
	await end;
	t.equal(told[0], '0 died: no luck (exit code 1)');
});

t.test('who is let go is not replaced and not told as dead, whether it runs or waits to be replaced', async (t) => {
	const stay = "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => {});";
	const { crew, told } = bench(t, stay, [0, 60_000]);
	crew.spawn(0);
	crew.spawn(1);
	t.strictSame(crew.staff, [0, 1]);
	await crew.letGo(1);
	t.strictSame([crew.numbers, crew.staff, told], [[0], [0], []]);
	crew.end(0);
	while (!told.includes('0 joined')) await new Promise((resolve) => setTimeout(resolve, 5));
	crew.end(0);
	while (crew.numbers.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
	await new Promise((resolve) => setTimeout(resolve, 20));
	t.strictSame(crew.staff, [0], 'to be replaced in a minute');
	await crew.letGo(0);
	t.strictSame([crew.numbers, crew.staff], [[], []]);
	t.equal(told.filter((line) => line.includes('joined')).length, 1);
});

t.test('nothing is replaced after dismissal', async (t) => {
	const { crew, told } = bench(
		t,
		"import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => {});",
		[0],
	);
	crew.spawn(0);
	crew.spawn(1);
	t.strictSame(crew.numbers, [0, 1]);
	await crew.dismiss();
	await new Promise((resolve) => setTimeout(resolve, 20));
	t.equal(
		told.some((line) => line.includes('joined')),
		false,
	);
	t.strictSame(crew.numbers, []);
});
