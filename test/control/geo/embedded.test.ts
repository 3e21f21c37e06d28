import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import t from 'tap';
import { openEmbeddedGeo, prepareEmbeddedGeo } from '../../../src/control/geo/embedded.ts';
import { SluiceError } from '../../../src/core/errors.ts';
import { addressOfV4, parseAddress } from '../../../src/policy/address.ts';
import { knownCountries } from '../../support/known-countries.ts';

const WORKERS = 4;
const ALLOWED_BYTES = 10_000_000;

const geo = openEmbeddedGeo();

function countryOf(text: string): string | null {
	const address = parseAddress(text);
	if (address === null) throw new Error(`not an address: ${text}`);
	return geo.country(address);
}

t.test('1,000 addresses of nearly every country, IPv4 and IPv6, get their country', (t) => {
	const known = knownCountries();
	t.equal(known.length, 1_000);
	t.ok(known.filter(({ address }) => address.includes(':')).length > 200, 'IPv6 is among them');
	t.ok(new Set(known.map(({ country }) => country)).size > 240, 'so are nearly all countries');
	const wrong = known.filter(({ address, country }) => countryOf(address) !== country);
	t.strictSame(wrong, []);
	t.end();
});

t.test('an address without a country is null', (t) => {
	const texts = ['0.0.0.0', '255.255.255.255', '127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.0.1'];
	texts.push('224.0.0.1', '::', '::1', 'fe80::1', 'fd00::1', 'ff02::1', '::ffff:10.0.0.1', '::ffff:0:8.8.8.8');
	for (const text of texts) t.equal(countryOf(text), null, text);
	t.end();
});

t.test('an IPv4-mapped address has the country of its IPv4 address', (t) => {
	for (const { address, country } of knownCountries(1_000, 2)) {
		if (!address.includes(':') && countryOf(`::ffff:${address}`) !== country) t.fail(address);
	}
	t.end();
});

t.test('no address at all makes a lookup throw, and what it answers looks like a country', (t) => {
	const word = fc.integer({ min: 0, max: 0xffffffff });
	const any = fc.record({ a: word, b: word, c: word, d: word }, { noNullPrototype: true });
	const edge = fc.constantFrom(0, 1, 0xffff, 0xffff0000, 0xffffffff);
	const edges = fc.record({ a: edge, b: edge, c: edge, d: edge }, { noNullPrototype: true });
	fc.assert(
		fc.property(fc.oneof(any, edges, word.map(addressOfV4)), (address) => {
			const country = geo.country(address);
			return country === null || /^[A-Z]{2}$/.test(country);
		}),
		{ numRuns: 2_000 },
	);
	t.end();
});

t.test('the data folder is private, without the city files, and gone after dispose', (t) => {
	const data = prepareEmbeddedGeo();
	const other = prepareEmbeddedGeo();
	t.not(data.dataDir, other.dataDir, 'each has a name of its own');
	t.equal(statSync(data.dataDir).mode & 0o777, 0o700);
	t.strictSame(readdirSync(data.dataDir).sort(), ['geoip-country.dat', 'geoip-country6.dat']);
	data.dispose();
	data.dispose();
	other.dispose();
	t.notOk(existsSync(data.dataDir));
	t.end();
});

t.test('loading leaves no folder behind and the globals as they were', (t) => {
	const parent = t.testdir();
	const before = process.env.TMPDIR;
	process.env.TMPDIR = parent;
	t.teardown(() => {
		if (before === undefined) delete process.env.TMPDIR;
		else process.env.TMPDIR = before;
	});
	openEmbeddedGeo();
	t.strictSame(readdirSync(parent), []);
	t.notOk('geodatadir' in globalThis);
	t.end();
});

t.test('where the first folder cannot be made, the next is taken; where none can, the error says what to do', (t) => {
	const good = t.testdir();
	const bad = join(good, 'missing');
	const data = prepareEmbeddedGeo([bad, good]);
	t.ok(data.dataDir.startsWith(good));
	data.dispose();
	t.throws(() => prepareEmbeddedGeo([bad]), { code: 'geo-unavailable', exitCode: 2, message: /set TMPDIR/ });
	t.throws(() => prepareEmbeddedGeo([bad]), SluiceError);
	t.end();
});

/** Buffers are freed in the background, which the next collection waits for: so two. Runs in a worker: loads on demand, answers how much memory of its own that took and one country. */
const workerCode = `
	import v8 from 'node:v8';
	import vm from 'node:vm';
	import { parentPort, workerData } from 'node:worker_threads';
	v8.setFlagsFromString('--expose-gc');
	const collect = vm.runInNewContext('gc');
	const gc = () => { collect(); collect(); };
	const { openEmbeddedGeo } = await import(workerData.module);
	parentPort.once('message', () => {
		gc();
		const before = process.memoryUsage();
		const geo = openEmbeddedGeo(workerData.dataDir);
		gc();
		const after = process.memoryUsage();
		const buffers = after.arrayBuffers - before.arrayBuffers;
		const heap = after.heapUsed - before.heapUsed;
		parentPort.postMessage({ buffers, heap, country: geo.country(workerData.address) });
		parentPort.once('message', () => {});
	});
	parentPort.postMessage('ready');
`;

t.test('each further worker pays at most 10 MB for its countries', async (t) => {
	const data = prepareEmbeddedGeo();
	t.teardown(() => data.dispose());
	const [sample] = knownCountries(1);
	const address = parseAddress(sample?.address ?? '');
	const module = new URL('../../../src/control/geo/embedded.ts', import.meta.url).href;
	const workerData = { module, dataDir: data.dataDir, address };
	const source = new URL(`data:text/javascript,${encodeURIComponent(workerCode)}`);
	const workers = Array.from({ length: WORKERS }, () => new Worker(source, { workerData }));
	t.teardown(() => Promise.all(workers.map((worker) => worker.terminate())));
	await Promise.all(workers.map((worker) => once(worker, 'message')));
	const before = process.memoryUsage().rss;
	for (const worker of workers) worker.postMessage('load');
	const answers = await Promise.all(workers.map((worker) => once(worker, 'message')));
	const resident = (process.memoryUsage().rss - before) / WORKERS;
	for (const [{ buffers, heap, country }] of answers) {
		t.ok(buffers > 6_000_000, `the data was loaded: ${buffers} bytes`);
		t.ok(buffers + Math.max(0, heap) <= ALLOWED_BYTES, `${buffers} bytes of buffers, ${heap} of heap`);
		t.equal(country, sample?.country);
	}
	t.ok(resident <= ALLOWED_BYTES, `${resident} bytes resident`);
});
