/**
 * What does a country lookup cost, and what does the country data cost each further worker?
 * Run: node bench/geo-lookup.ts
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { openEmbeddedGeo } from '../src/control/geo/embedded.ts';
import { isV4 } from '../src/core/address.ts';
import type { GeoLookup } from '../src/core/ports.ts';
import { parseAddress } from '../src/policy/address.ts';
import { knownCountries } from '../test/support/known-countries.ts';

const MEGABYTE = 1_000_000;
const BATCH = 100;
const BATCHES = 5_000;
const WORKERS = 4;

function printLookupTimes(geo: GeoLookup): void {
	const known = knownCountries(10_000).flatMap(({ address }) => parseAddress(address) ?? []);
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
		console.log(`${family} lookup, us (means of ${BATCH}): median ${at(0.5)}, p99 ${at(0.99)}`);
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
	printLookupTimes(openEmbeddedGeo());
}
