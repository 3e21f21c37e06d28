import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { EchoClient, echoBackend } from './support/backends.ts';
import { inCountry, makeMmdbs, padMmdb } from './support/mmdb.ts';
import { configFile, SluiceProcess } from './support/sluice-process.ts';

const MEGABYTE = 1_000_000;
/** What a process takes differs by so much from one run to the next. */
const NOISE = 25 * MEGABYTE;

const made = t.testdir();
const [SMALL, LARGE, HALF] = [join(made, 'small.mmdb'), join(made, 'large.mmdb'), join(made, 'half.mmdb')];
makeMmdbs(...[SMALL, LARGE, HALF].map((path) => ({ path, networks: [['127.0.0.0/8', inCountry('DE')] as const] })));
padMmdb(LARGE, 100 * MEGABYTE);
padMmdb(HALF, 50 * MEGABYTE);

/** A balancer with this database, and the file that it reads. */
function start(t: Test, database: string, workers: number, backend: string) {
	const { path } = configFile(t, {
		workers,
		geo: { database: 'geo.mmdb' },
		listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ match: { countries: ['DE'] }, to: ['main'] }] }],
		pools: [{ name: 'main', backends: [{ name: 'a', address: backend }] }],
	});
	const file = join(dirname(path), 'geo.mmdb');
	copyFileSync(database, file);
	return { run: new SluiceProcess(t, ['run', '-c', path]), file };
}

function residentBytes({ child: { pid } }: SluiceProcess): number {
	const kib = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB$/m)?.[1];
	return Number(kib) * 1_024;
}

/** Resident memory when every worker (as likely as not) has looked countries up. */
async function measure(t: Test, database: string, workers: number): Promise<number> {
	const backend = await echoBackend(t, 'a');
	const { run } = start(t, database, workers, backend.address);
	const port = await run.port('game');
	for (let i = 0; i < 5 * workers; i++) t.equal(await new EchoClient(t, port).greeting(), 'a');
	const resident = residentBytes(run);
	run.kill('SIGKILL');
	await run.finished;
	return resident;
}

t.test('a database of 100 MB is in memory once, for 1 worker as for 4', async (t) => {
	const costs: number[] = [];
	const large: number[] = [];
	for (const workers of [1, 4]) {
		const without = await measure(t, SMALL, workers);
		const resident = await measure(t, LARGE, workers);
		costs.push(resident - without);
		large.push(resident);
	}
	t.comment(
		`MB resident: ${large.map((bytes) => bytes / MEGABYTE)}; of those the database: ${costs.map((bytes) => bytes / MEGABYTE)}`,
	);
	for (const cost of costs) {
		t.ok(cost > 100 * MEGABYTE - NOISE, `it is in memory: ${cost}`);
		t.ok(cost < 100 * MEGABYTE + NOISE, `once: ${cost}`);
	}
});

t.test('however often it is read again, there is one further copy', async (t) => {
	const { run, file } = start(t, HALF, 2, '127.0.0.1:9');
	await run.port('game');
	const before = residentBytes(run);
	for (let snapshot = 2; snapshot <= 5; snapshot++) {
		copyFileSync(HALF, `${file}.new`);
		renameSync(`${file}.new`, file);
		await run.line('geo database reread', (line) => line.snapshot === snapshot);
	}
	const grown = residentBytes(run) - before;
	t.comment(`grown by ${grown / MEGABYTE} MB`);
	t.ok(grown < 50 * MEGABYTE + NOISE, `four readings: ${grown}`);
});
