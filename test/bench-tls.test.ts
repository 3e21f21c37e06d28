import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { netPipe } from '../bench/support/contenders/net-pipe.ts';
import type { LoadJob } from '../bench/support/load/load.ts';
import { readTlsOptions } from '../bench/support/options.ts';
import { makeTlsFiles, type TlsTerms } from '../bench/support/tls-files.ts';
import { question } from '../bench/tls.ts';
import { freePort, HOST, load, raiseProxy, startBenchBackend } from './support/bench-client.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CONNECT: LoadJob = { kind: 'connect', concurrent: 4 };
const RESUMED: TlsTerms = { certificate: 'rsa', resumed: true };
const tls = makeTlsFiles();

t.test('each load of the TLS bench does its work, without an error', async (t) => {
	const proxy = await raiseProxy(t, netPipe(), tls);
	for (const { name, job, tls = null } of question.workloads) {
		const { work, errors } = await load(proxy, job, tls);
		t.ok(work > 0, name);
		t.equal(errors, 0);
	}
});

t.test('a full handshake where a resumed one is asked for is an error, not work', async (t) => {
	const { cert, key } = tls.rsa;
	const secureOptions = constants.SSL_OP_NO_TICKET;
	const server = createServer({ cert, key, secureOptions, sessionTimeout: 1 }, (socket) => {
		socket.on('error', () => {});
		socket.pipe(socket);
	}).listen(0, HOST);
	t.teardown(() => server.close());
	await once(server, 'listening');
	const { child } = await startBenchBackend(t);
	const { work, errors } = await load({ child, port: (server.address() as AddressInfo).port }, CONNECT, RESUMED);
	t.equal(work, 0);
	t.ok(errors > 0);
});

t.test('TLS against nobody counts errors', async (t) => {
	const { child } = await startBenchBackend(t);
	const { work, errors } = await load({ child, port: await freePort() }, CONNECT, { ...RESUMED, resumed: false });
	t.equal(work, 0);
	t.ok(errors > 0);
});

t.test('the TLS bench is quick by itself; settings of its own make a run a trial', async (t) => {
	t.equal(readTlsOptions([], ROOT).mode, 'quick');
	t.equal(readTlsOptions(['--rounds', '1'], ROOT).mode, 'trial');
	t.throws(() => readTlsOptions(['--slow'], ROOT), TypeError);
	const { rounds, warmMs, windowMs, budgetMs } = readTlsOptions([], ROOT);
	const contenders = 4;
	const besidesMs = 350;
	const expectedMs = question.workloads.length * contenders * rounds * (warmMs + windowMs + besidesMs);
	t.ok(expectedMs <= budgetMs && budgetMs < 4 * 60_000, `${expectedMs} ms of ${budgetMs}`);
});
