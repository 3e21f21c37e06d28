/**
 * TLS termination: Sluice beside HAProxy, nginx and a plain pipe of Node, one proxy thread each, all with the same
 * certificates, TLS 1.3, X25519, AES-128-GCM, and session tickets.
 * Run: npm run bench:tls; `npm run bench:tls -- --help` tells more.
 */
import { fileURLToPath } from 'node:url';
import { type Bench, ROOT, runBench } from './support/bench.ts';
import { haproxy } from './support/contenders/haproxy.ts';
import { netPipe } from './support/contenders/net-pipe.ts';
import { nginx } from './support/contenders/nginx.ts';
import { outputOf, versionIn } from './support/contenders/programs.ts';
import { sluice } from './support/contenders/sluice.ts';
import { readTlsOptions, TLS_USAGE } from './support/options.ts';
import { makeTlsFiles } from './support/tls-files.ts';
import { question } from './tls.ts';

const bench: Bench = {
	script: fileURLToPath(import.meta.url),
	usage: TLS_USAGE,
	options: (args) => readTlsOptions(args, ROOT),
	questions: [question],
	contenders: ({ root }) => [haproxy(1), nginx(1), netPipe(), sluice('auto', 1, root)],
	pace: { from: '' },
	makeTls: makeTlsFiles,
	versions: {
		'OpenSSL of HAProxy and nginx': versionIn(outputOf('openssl', 'version')?.text),
		'OpenSSL of Node': process.versions.openssl,
	},
	// A run with settings of its own is not kept as the one that the README shows.
	fileOf: ({ mode }) => (mode === 'trial' ? 'trial.tls' : 'tls'),
	drawings: {},
};

process.exitCode = await runBench(bench);
