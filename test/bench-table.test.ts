import { readFileSync } from 'node:fs';
import t from 'tap';
import { question as bulk } from '../bench/bulk.ts';
import { question as idle } from '../bench/idle.ts';
import type { LoadResult } from '../bench/support/load/load.ts';
import {
	committedResults,
	committedTlsResults,
	readmeTable,
	readmeTables,
	TABLE_BEGIN,
	TABLE_END,
	tlsTable,
	withTable,
} from '../bench/support/readme-table.ts';
import { type Measurement, type Results, summarize, type Taken } from '../bench/support/results.ts';
import { question as tls } from '../bench/tls.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const RESULTS = new URL('../bench/results/', import.meta.url);

const sample = (over: Partial<LoadResult>): LoadResult => ({
	work: 0,
	seconds: 1,
	proxyCpuSeconds: 1,
	clientCpuSeconds: 0.3,
	backendCpuSeconds: 0.3,
	errors: 0,
	latency: null,
	bytesPerSession: null,
	...over,
});

function taken(contender: string, samples: readonly Partial<LoadResult>[]): Taken {
	return {
		contender,
		workers: 1,
		isPeer: !contender.startsWith('sluice'),
		samples: samples.map(sample),
		loadCores: 1,
	};
}

function resultsOf(...workloads: Results['workloads']): Results {
	return {
		mode: 'full',
		machine: { cpu: 'a processor', cores: 2, memoryGiB: 4, linux: '6.1', arch: 'x64' },
		versions: { haproxy: '2.6.12' },
		settings: { rounds: 5, warmMs: 1_000, windowMs: 3_000, placement: {} },
		workloads,
	};
}

const [bulkDown] = bulk.workloads;
const [idleSessions] = idle.workloads;
if (bulkDown === undefined || idleSessions === undefined) throw new Error('the bench asks nothing');

const bulkResult = summarize(
	bulkDown,
	null,
	[
		taken('haproxy-1', [{ work: 7e9 }, { work: 8e9 }, { work: 9e9 }]),
		taken('nginx-1', [{ work: 2e9 }]),
		taken('sluice-epoll-1', [{ work: 5e9, proxyCpuSeconds: 0.5 }]),
	],
	{},
);

t.test("the README's tables are those of the committed results", async (t) => {
	const tables = readmeTables(committedResults(RESULTS), committedTlsResults(RESULTS));
	t.equal(withTable(README, tables), README, 'npm run bench:readme makes them');
});

t.test('medians, their spread, and the ratio to the better peer', async (t) => {
	const [peer, , own] = bulkResult.measurements as [Measurement, Measurement, Measurement];
	t.strictSame(peer.value, { median: 8, min: 7, max: 9 });
	t.equal(peer.ratio, null);
	t.equal(own.value.median, 10);
	t.equal(own.ratio, 1.25);
});

/** Columns line up; what is in them is of interest here. */
const unpadded = (table: string): string => table.replaceAll(/ +/g, ' ');

t.test('a table tells each contender, the ratio, and whether the goal is met', async (t) => {
	const table = unpadded(readmeTable(resultsOf(bulkResult)));
	t.match(table, '| bulk down, 4 streams (GB per CPU s) | 8.00 | 2.00 | 10.0 | 1.25 x, at least 1.25 x: met |');
	t.match(table, 'HAProxy');
	t.notMatch(table, 'Node `net` pipe', 'no column for who was not measured');
	const slower = summarize(
		bulkDown,
		null,
		[taken('nginx-1', [{ work: 2e9 }]), taken('sluice-epoll-1', [{ work: 1e9 }])],
		{},
	);
	t.match(readmeTable(resultsOf(slower)), '0.50 x, at least 1.25 x: not met');
});

t.test('TLS has a table of its own, after the first, once it was measured', async (t) => {
	const [handshakes] = tls.workloads;
	if (handshakes === undefined) throw new Error('the bench asks nothing of TLS');
	const samples = [taken('haproxy-1', [{ work: 2_000 }]), taken('sluice-auto-1', [{ work: 1_500 }])];
	const results = resultsOf(summarize(handshakes, null, samples, {}));
	t.match(
		unpadded(tlsTable(results)),
		'| TLS handshake, ping, close: full, ECDSA P-256 (1000 per CPU s) | 2.00 | 1.50 | 0.75 x |',
	);
	t.equal(readmeTables(null, null), readmeTable(null));
	t.equal(readmeTables(null, results), `${readmeTable(null)}\n\n${tlsTable(results)}`);
});

t.test('memory has a goal of its own, whatever the peers take', async (t) => {
	const result = (bytes: number) =>
		resultsOf(
			summarize(
				idleSessions,
				null,
				[taken('haproxy-1', [{ bytesPerSession: 3_000 }]), taken('sluice-epoll-1', [{ bytesPerSession: bytes }])],
				{},
			),
		);
	t.match(readmeTable(result(4_096)), 'at most 4096 bytes: met');
	t.match(readmeTable(result(4_097)), 'at most 4096 bytes: not met');
});

t.test('a load that had no processor time left is marked, while the proxy had', async (t) => {
	const bound = (cpu: Partial<LoadResult>): boolean | undefined =>
		summarize(bulkDown, null, [taken('nginx-1', [cpu])], {}).measurements[0]?.loadBound;
	t.equal(bound({ clientCpuSeconds: 0.5, backendCpuSeconds: 0.5, proxyCpuSeconds: 0.6 }), true);
	t.equal(bound({ clientCpuSeconds: 0.5, backendCpuSeconds: 0.5, proxyCpuSeconds: 0.99 }), false);
	t.equal(bound({ clientCpuSeconds: 0.3, backendCpuSeconds: 0.5, proxyCpuSeconds: 0.6 }), false);
});

t.test('before there are results the markers hold none', async (t) => {
	t.equal(readmeTable(null), 'No results yet: `npm run bench`.');
	t.equal(committedResults(new URL('./no-such-folder/', import.meta.url)), null);
});

t.test('a README without the markers is refused', async (t) => {
	t.throws(() => withTable(`${TABLE_END} ${TABLE_BEGIN}`, 'x'), { message: /the README has no/ });
	t.equal(withTable(`a\n${TABLE_BEGIN}\nold\n${TABLE_END}\nb`, 'new'), `a\n${TABLE_BEGIN}\n\nnew\n\n${TABLE_END}\nb`);
});
