/**
 * What does a country lookup cost, in the embedded data and in a MaxMind DB file with long city records (made by
 * Debian's libmaxmind-db-writer-perl), and what does the embedded data cost each further worker?
 * Run: node bench/geo-lookup.ts
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { openEmbeddedGeo } from '../src/control/geo/embedded.ts';
import { openMmdb } from '../src/control/geo/mmdb.ts';
import { readMmdbFile } from '../src/control/geo/mmdb-file.ts';
import { isV4 } from '../src/core/address.ts';
import type { GeoLookup } from '../src/core/ports.ts';
import { parseAddress } from '../src/policy/address.ts';
import { type KnownCountry, knownCountries } from '../test/support/known-countries.ts';
import { inCity, makeMmdbs } from '../test/support/mmdb.ts';

const MEGABYTE = 1_000_000;
const BATCH = 100;
const BATCHES = 5_000;
const WORKERS = 4;
const MMDB_NETWORKS = 10_000;

function printLookupTimes(name: string, geo: GeoLookup, sample: readonly KnownCountry[]): void {
	const known = sample.flatMap(({ address }) => parseAddress(address) ?? []);
	const addresses = { IPv4: known.filter(isV4), IPv6: known.filter((address) => !isV4(address)) };
	for (const [family, list] of Object.entries(addresses)) {
		let found = 0;
		const times = Array.from({ length: BATCHES }, (_, batch) => {
			const start = process.hrtime.bigint();
			for (let i = 0; i < BATCH; i++) {
				const address = list[(batch * BATCH + i) % list.length];
				if (address !== undefined && geo.country(address) !== null) found++;
			}
			return Number(process.hrtime.bigint() - start) / BATCH / 1_000;
		}).sort((x, y) => x - y);
		if (found !== BATCH * BATCHES) throw new Error('an address of a known country was not found');
		const at = (share: number): string => (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(2);
		console.log(`${name}, ${family} lookup, us (means of ${BATCH}): median ${at(0.5)}, p99 ${at(0.99)}`);
	}
}

async function printWorkerMemory(): Promise<void> {
	const workers = Array.from({ length: WORKERS }, () => new Worker(new URL(import.meta.url)));
	await Promise.all(workers.map((worker) => once(worker, 'message')));
	const before = process.memoryUsage().rss;
	for (const worker of workers) worker.postMessage('load');
	await Promise.all(workers.map((worker) => once(worker, 'message')));
	const each = (process.memoryUsage().rss - before) / WORKERS / MEGABYTE;
	console.log(`resident memory of the country data, per worker of ${WORKERS}: ${each.toFixed(1)} MB`);
	await Promise.all(workers.map((worker) => worker.terminate()));
}

/** Every address has a record of its own: first more of them than are remembered, then few. */
async function printMmdbTimes(): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
	try {
		const sample = knownCountries(MMDB_NETWORKS);
		const path = join(folder, 'city.mmdb');
		const networks = sample.map(({ address, country }): [string, object] => [
			`${address}/${address.includes(':') ? 64 : 32}`,
			inCity(country, address),
		]);
		makeMmdbs({ path, type: 'Bench-City', recordSize: 28, networks });
		const { database } = await readMmdbFile(path, 1, (bytes) => new SharedArrayBuffer(bytes));
		printLookupTimes('MMDB, each time another city', openMmdb(database.bytes), sample);
		printLookupTimes('MMDB, the same cities', openMmdb(database.bytes), sample.slice(-500));
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

function serveMain(port: NonNullable<typeof parentPort>): void {
	port.on('message', () => {
		openEmbeddedGeo();
		port.postMessage('loaded');
	});
	port.postMessage('ready');
}

if (parentPort !== null && !isMainThread) serveMain(parentPort);
else {
	await printWorkerMemory();
	printLookupTimes('embedded', openEmbeddedGeo(), knownCountries(10_000));
	await printMmdbTimes();
}
