/**
 * Sluice beside HAProxy, nginx and a plain pipe of Node, on the same load, in a network namespace of the bench's own.
 * Run: npm run bench, npm run bench:quick; `npm run bench -- --help` tells more.
 */
import { fileURLToPath } from 'node:url';
import { question as bulk } from './bulk.ts';
import { question as connect } from './connect.ts';
import { question as features } from './features.ts';
import { question as idle } from './idle.ts';
import { question as latency, RATE_FROM } from './latency.ts';
import { question as pingPong } from './ping-pong.ts';
import { type Bench, ROOT, runBench } from './support/bench.ts';
import { chart } from './support/chart.ts';
import type { Contender } from './support/contenders/contender.ts';
import { haproxy } from './support/contenders/haproxy.ts';
import { netPipe } from './support/contenders/net-pipe.ts';
import { nginx } from './support/contenders/nginx.ts';
import { sluice } from './support/contenders/sluice.ts';
import { type Options, readOptions, USAGE } from './support/options.ts';

function contenders(options: Options): Contender[] {
	const workers = options.quick ? [1] : [1, 2];
	const each = (make: (workers: number) => Contender): Contender[] => workers.map(make);
	return [
		...each(haproxy),
		...each(nginx),
		netPipe(),
		...each((count) => sluice('node', count, options.root)),
		...each((count) => sluice('epoll', count, options.root)),
	];
}

const bench: Bench = {
	script: fileURLToPath(import.meta.url),
	usage: USAGE,
	options: (args) => readOptions(args, ROOT),
	// In this order: what sets the rate of the latency question comes before it.
	questions: [bulk, pingPong, connect, latency, idle, features],
	contenders,
	pace: { from: RATE_FROM },
	makeTls: () => null,
	versions: {},
	fileOf: ({ mode }) => mode,
	drawings: { svg: chart },
};

process.exitCode = await runBench(bench);
