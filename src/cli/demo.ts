import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { App } from '../app.ts';
import type { AccessLine } from '../control/access-line.ts';
import { parseConfigObject } from '../control/config/load.ts';
import type { Config, ConfigInput } from '../control/config/schema.ts';
import { Log } from '../control/log.ts';
import type { Delivered } from '../control/tls/authority-folder.ts';
import { superviseProcess } from './process.ts';
import { type CommandContext, lastingOutput, type Terminal } from './terminal.ts';

type ListenerInput = ConfigInput['listeners'][number];

/** A backend that lives inside this process. */
interface DemoBackend {
	readonly name: string;
	readonly region: 'europe' | 'america';
}

const BACKENDS: readonly DemoBackend[] = [
	{ name: 'europe-1', region: 'europe' },
	{ name: 'europe-2', region: 'europe' },
	{ name: 'america-1', region: 'america' },
];

const DEFAULT_PORT = 7000;
const MAX_PORT = 65_535;

export function addDemo(program: Command, context: CommandContext): void {
	program
		.command('demo')
		.summary('Three backends in two regions and a balancer in front, to try at once.')
		.description('Three backends in two regions and a balancer in front, all in this process, to try at once.')
		.option(
			'--port <number>',
			'where the balancer listens on 127.0.0.1; 0 takes any free port',
			parsePort,
			DEFAULT_PORT,
		)
		.option('--tls', 'a second listener, on the next port, that takes TLS')
		.addHelpText('after', '\nExample:\n  sluice demo --port 7007')
		.action(async ({ port, tls = false }: { port: number; tls?: boolean }) => {
			const terminal = lasting(context.terminal);
			const addresses = await Promise.all(BACKENDS.map(startBackend));
			const certificate = tls ? await demoCertificate() : null;
			const config = parseConfigObject(demoConfig(port, addresses, certificate));
			const log = demoLog(terminal, config);
			const start = async (onFatal: (reason: string) => void, cancel: AbortSignal): Promise<App> => {
				const app = await App.start(config, { log, onFatal, cancel });
				const [plain, secure] = app.addresses.map(({ address }) => address.split(':').at(-1) ?? '');
				introduce(terminal, plain ?? String(port));
				if (certificate !== null) introduceTls(terminal, secure ?? '', certificate.authority.certificate);
				terminal.out('');
				terminal.out('Each session that ends is told here. Ctrl-C stops.');
				return app;
			};
			await superviseProcess({ log, start, load: () => config });
		});
}

/** A terminal that may fail without an end to the demo. */
function lasting({ err }: Terminal): Terminal {
	const output = lastingOutput();
	return { out: (line) => output.write(`${line}\n`), err };
}

function parsePort(text: string): number {
	const port = Number(text);
	if (text !== '' && Number.isInteger(port) && port >= 0 && port <= MAX_PORT) return port;
	throw new InvalidArgumentError('It is not a port number.');
}

/** Greets with its name and region, then echoes; answers where it listens. */
function startBackend({ name, region }: DemoBackend): Promise<string> {
	const server: Server = createServer((socket) => {
		socket.on('error', () => socket.destroy());
		socket.write(`Hello from ${name} in ${region}. I echo what you say.\n`);
		socket.pipe(socket);
	});
	// The balancer alone keeps the process alive.
	server.unref();
	return new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`));
	});
}

const DEMO_HOST = 'demo.localhost';

/** Files that go when the process does. */
async function demoCertificate(): Promise<Delivered> {
	const { deliverCertificate } = await import('../control/tls/authority-folder.ts');
	const folder = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
	process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
	return deliverCertificate({ folder, names: [DEMO_HOST], client: false, days: 30, nowMs: Date.now() });
}

/** On Linux all of 127.0.0.0/8 is this machine, so a source address can play a country. */
function demoConfig(port: number, addresses: readonly string[], certificate: Delivered | null): ConfigInput {
	const routes = [
		{ match: { regions: ['america'] }, to: ['america', 'europe'] },
		{ match: { regions: ['europe'] }, to: ['europe', 'america'] },
		{ to: ['europe', 'america'] },
	];
	const tlsPort = port === 0 || port === MAX_PORT ? 0 : port + 1;
	const poolOf = (region: DemoBackend['region']) => ({
		name: region,
		balance: 'round-robin' as const,
		backends: BACKENDS.map(({ name, region: own }, at) => ({ name, own, address: addresses[at] ?? '' }))
			.filter(({ own }) => own === region)
			.map(({ name, address }) => ({ name, address })),
	});
	return {
		workers: 2,
		drain: '1s',
		geo: {
			regions: { europe: { continents: ['europe'] }, america: { continents: ['north-america', 'south-america'] } },
			overrides: [
				{ network: '127.0.0.2', country: 'DE' },
				{ network: '127.0.0.3', country: 'US' },
			],
		},
		listeners: [
			{ name: 'demo', bind: `127.0.0.1:${port}`, routes },
			...(certificate === null ? [] : [tlsListener(`127.0.0.1:${tlsPort}`, certificate, routes)]),
		],
		pools: [poolOf('europe'), poolOf('america')],
	};
}

function tlsListener(
	bind: string,
	{ certificate: cert, key }: Delivered,
	routes: ListenerInput['routes'],
): ListenerInput {
	return { name: 'demo-tls', bind, tls: { mode: 'terminate', certificates: [{ cert, key }] }, routes };
}

function demoLog(terminal: Terminal, config: Config): Log {
	return new Log(
		{
			output: null,
			onLog: ({ level, msg, fields }) => {
				if (level === 'warn' || level === 'error') terminal.err(`${msg} ${Object.values(fields).join(' ')}`);
			},
			onRecord: (record) => terminal.out(sessionText(record)),
		},
		config.log.level,
	);
}

function sessionText({ client, country, region, backend, outcome, uploadBytes, downloadBytes }: AccessLine): string {
	const origin = country === null ? 'country unknown' : `${country}, ${region ?? 'no region'}`;
	return `session: ${client} (${origin}) -> ${backend ?? 'nobody'}: ${outcome}, ${uploadBytes} B up, ${downloadBytes} B down`;
}

function introduce(terminal: Terminal, port: string): void {
	terminal.out(`Sluice listens on 127.0.0.1:${port}, in front of ${BACKENDS.map(({ name }) => name).join(', ')}. Try:`);
	terminal.out('');
	terminal.out(`  nc 127.0.0.1 ${port}                 no country: Europe takes you, its two backends in turn`);
	terminal.out(`  nc -s 127.0.0.2 127.0.0.1 ${port}    as from Germany: Europe`);
	terminal.out(`  nc -s 127.0.0.3 127.0.0.1 ${port}    as from the United States: America`);
}

function introduceTls(terminal: Terminal, port: string, authority: string): void {
	terminal.out('');
	terminal.out(`In TLS, with a certificate made for this run, on 127.0.0.1:${port}:`);
	terminal.out('');
	terminal.out(`  openssl s_client -quiet -connect 127.0.0.1:${port} -servername ${DEMO_HOST} -CAfile ${authority}`);
}
