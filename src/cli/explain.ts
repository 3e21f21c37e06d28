import { type Command, Option } from 'commander';
import { explanationView } from '../control/admin/views.ts';
import { hostNames } from '../control/config/compile.ts';
import { loadConfigFile } from '../control/config/load.ts';
import type { Config } from '../control/config/schema.ts';
import { GeoDatabases } from '../control/geo/databases.ts';
import { databaseOf, readGeoSource } from '../control/geo/source.ts';
import { justStarted, paperSnapshot } from '../control/paper-snapshot.ts';
import { type Answers, systemLookup } from '../control/resolve.ts';
import { namesAlone } from '../control/tls/source.ts';
import type { IpAddress } from '../core/address.ts';
import { errorText, SluiceError } from '../core/errors.ts';
import type { ListenerSnapshot, Snapshot } from '../core/snapshot.ts';
import { formatAddress } from '../policy/address.ts';
import { type ExplainedClient, type Explanation, explain, type SpreadRow } from '../policy/explain.ts';
import { makeGeoReader } from '../policy/geo.ts';
import { seededRng } from '../rng.ts';
import { type AdminOptions, addAdminOptions, clientOf } from './admin/options.ts';
import { collectAddress } from './geo.ts';
import { type CommandContext, columns, type Terminal } from './terminal.ts';

/** The same question gets the same answer, with the algorithms that draw lots, too. */
const SEED = 1;

interface ExplainOptions extends AdminOptions {
	readonly config?: string;
	readonly live?: boolean;
	readonly listener: string;
	readonly ip: readonly IpAddress[];
	readonly sni?: string;
	readonly alpn?: readonly string[];
}

const AFTER = `
Example:
  sluice explain -c sluice.yaml --listener game --ip 198.51.100.7 --ip 2001:db8::1
  sluice explain -c sluice.yaml --listener mqtt --ip 198.51.100.7 --sni a.eu.example.com --alpn mqtt
  sluice explain --live --listener game --ip 198.51.100.7

The clients are taken in order, as if they came one after another to a balancer that has just started, and stayed; with
--live, to the balancer that --admin names (127.0.0.1:9900), as it is now: health, caps, weights, buckets.
With several of them the spread over pools and backends is told, too. Exits with 0 also when a client would be refused.`;

export function addExplain(program: Command, { terminal }: CommandContext): void {
	const command = program
		.command('explain')
		.summary('Tell what would happen to clients, and why.')
		.description('Tell what would happen to clients, and why, by the rules that sessions use.')
		.option('-c, --config <file>', 'the configuration file, YAML or JSON')
		.addOption(new Option('--live', 'ask a running balancer, in place of a file').conflicts('config'))
		.requiredOption('--listener <name>', 'where the clients connect')
		.requiredOption('--ip <address>', "a client's address; may be given several times", collectAddress)
		.option('--sni <name>', 'the server name that they ask for, where TLS is read')
		.option('--alpn <protocol>', 'a protocol that they offer; may be given several times', collectText);
	addAdminOptions(command)
		.option('--json', 'print JSON')
		.addHelpText('after', AFTER)
		.action(async (options: ExplainOptions) => {
			const { config, live, json } = options;
			if (config === undefined && live !== true)
				command.error("error: required option '-c, --config <file>' not specified, nor --live");
			const explanation =
				config === undefined ? await explainLive(options) : await explainOnPaper(config, options, terminal);
			const lines = json === true ? [JSON.stringify(explanation, null, 2)] : explanationText(explanation);
			for (const line of lines) terminal.out(line);
		});
}

async function explainOnPaper(file: string, options: ExplainOptions, terminal: Terminal): Promise<Explanation> {
	const config = loadConfigFile(file);
	const database = databaseOf(await readGeoSource(config));
	const tls = await namesAlone(config, (line) => terminal.err(line));
	const snapshot = paperSnapshot(config, await lookUpNames(config, terminal), database, tls);
	return explain(snapshot, listenerNamed(snapshot, options.listener), options.ip, {
		live: justStarted(snapshot),
		geo: makeGeoReader(snapshot.geo, new GeoDatabases().open(database)),
		rng: seededRng(SEED),
		nowNs: 0,
		sni: options.sni === undefined ? null : serverName(options.sni),
		alpn: options.alpn ?? [],
	});
}

function explainLive({ listener, ip, sni, alpn = [], ...admin }: ExplainOptions): Promise<Explanation> {
	const query = new URLSearchParams({ listener });
	for (const address of ip) query.append('ip', formatAddress(address));
	if (sni !== undefined) query.set('sni', serverName(sni));
	for (const protocol of alpn) query.append('alpn', protocol);
	return clientOf(admin).get(`/explain?${query}`, explanationView);
}

const collectText = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** As a ClientHello's is compared: in lower case, without a trailing dot. */
const serverName = (text: string): string => text.toLowerCase().replace(/\.$/, '');

function listenerNamed(snapshot: Snapshot, name: string): ListenerSnapshot {
	const listener = snapshot.listeners.find((candidate) => candidate.name === name);
	if (listener !== undefined) return listener;
	const known = snapshot.listeners.map((candidate) => candidate.name).join(', ');
	throw new SluiceError('unknown-listener', `--listener ${name}: there is no such listener; there are: ${known}`);
}

async function lookUpNames(config: Config, terminal: Terminal): Promise<Answers> {
	const hosts = new Set(hostNames(config).map(({ host }) => host));
	const answers = new Map<string, readonly string[]>();
	for (const host of hosts) {
		try {
			answers.set(host, await systemLookup(host));
		} catch (error) {
			terminal.err(`cannot look up ${host}: ${errorText(error)}; its backends are left out`);
		}
	}
	return answers;
}

function explanationText({ listener, clients, spread }: Explanation): string[] {
	const parts = clients.map((client) => clientText(listener, client));
	if (clients.length > 1) parts.push(spreadText(spread, clients.length));
	return parts.flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]));
}

function clientText(listener: string, client: ExplainedClient): string[] {
	const origin = [
		client.country ?? 'country unknown',
		client.region === null ? 'no region' : `region ${client.region}`,
	];
	return [
		`${client.client} (${origin.join(', ')}) at listener ${listener}`,
		...columns(client.steps.map(({ stage, text }) => [`  ${stage}`, text])),
		`  => ${verdict(client)}`,
	];
}

function verdict({ outcome, manner, pool, backend }: ExplainedClient): string {
	if (outcome === null)
		return backend === null ? `waits in the queue of pool ${pool}` : `pool ${pool}, backend ${backend}`;
	if (manner === 'wait') return `waits in the kernel's queue: ${outcome}`;
	return `refused: ${outcome}${manner === null ? '' : ` (${manner})`}`;
}

function spreadText(spread: readonly SpreadRow[], total: number): string[] {
	const rows = spread.map(({ pool, backend, outcome, clients }) => [
		`  ${outcome === null ? `${pool}/${backend ?? 'its queue'}` : `refused: ${outcome}`}`,
		String(clients),
		`${((clients / total) * 100).toFixed(1)} %`,
	]);
	return [`spread of ${total} clients:`, ...columns(rows)];
}
