import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CERTIFICATE_KINDS, certificateFile, keyFile, pemFiles } from '../tls-files.ts';
import {
	BASELINE_BACKEND_CAP,
	BASELINE_NETWORKS,
	backendAddresses,
	type Contender,
	FEATURE_BYTES_PER_SECOND,
	FEATURE_RULES,
	type Feature,
	type Recipe,
	type Site,
	strangeNetworks,
} from './contender.ts';
import { outputOf } from './programs.ts';

/** `auto`: as a user would leave it. */
export type SluiceEngine = 'node' | 'epoll' | 'auto';

/**
 * Sluice with the policy that its goals are stated with: geo routing by the database, an access list of 100
 * networks, a cap on the backend, and the scoreboard's counters, which are always on.
 * `root`: the checkout that is measured.
 */
export function sluice(engine: SluiceEngine, workers: number, root: string): Contender {
	const entry = join(root, 'bin', 'sluice.ts');
	const problem = (site: Site): string | null => {
		const file = join(site.folder, 'try.yaml');
		writeFileSync(file, JSON.stringify(sluiceConfig(site, engine, workers)));
		for (const [name, text] of Object.entries(pemFiles(site.tls))) writeFileSync(join(site.folder, name), text);
		const checked = outputOf(process.execPath, entry, 'check', '-c', file);
		if (checked === null || checked.ok) return null;
		// Anything else than a fault of the configuration would tell where this checkout lies.
		const fault = checked.text.split('\n').find((line) => line.startsWith(file));
		return `this Sluice does not take its configuration: ${fault?.slice(file.length + 1) ?? 'its check failed'}`;
	};
	return {
		name: `sluice-${engine}-${workers}`,
		workers,
		isPeer: false,
		missing: problem,
		version: () =>
			String((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version),
		recipe: (site): Recipe | string => {
			const why = site.feature === null ? null : problem(site);
			if (why !== null) return why;
			return {
				files: {
					'sluice.yaml': JSON.stringify(sluiceConfig(site, engine, workers), null, 1),
					...pemFiles(site.tls),
				},
				command: [process.execPath, entry, 'run', '-c', 'sluice.yaml'],
			};
		},
	};
}

function shapingOf(feature: Feature | null): object {
	if (feature !== 'shaping') return {};
	const rate = `${FEATURE_BYTES_PER_SECOND / 1e6}MB/s`;
	const buckets = { listener: rate, connection: rate };
	return { shaping: { upload: buckets, download: buckets } };
}

function tlsOf({ tls }: Site): object {
	if (tls === null) return {};
	const certificates = CERTIFICATE_KINDS.map((kind) => ({ cert: certificateFile(kind), key: keyFile(kind) }));
	return { tls: { mode: 'terminate', certificates, minVersion: 'TLSv1.3' } };
}

/** The configuration that the goals are stated with, and a feature on top. */
export function sluiceConfig(site: Site, engine: SluiceEngine, workers: number): object {
	const { feature } = site;
	const denied = strangeNetworks(feature === 'access-rules' ? FEATURE_RULES : BASELINE_NETWORKS);
	const cap = { maxConnections: BASELINE_BACKEND_CAP };
	return {
		engine,
		workers,
		log: { level: 'warn', access: feature === 'access-log' ? 'all' : 'none' },
		geo: { regions: { eu: { continents: ['europe'] }, us: { continents: ['north-america'] } } },
		listeners: [
			{
				name: 'bench',
				bind: `0.0.0.0:${site.port}`,
				access: { deny: { networks: denied } },
				...shapingOf(feature),
				...tlsOf(site),
				routes: [
					{ match: { regions: ['us'] }, to: ['us'] },
					{ match: { regions: ['eu'] }, to: ['eu', 'us'] },
				],
			},
		],
		pools: [
			{ name: 'eu', backends: backendAddresses(site).map((address) => ({ address, ...cap })) },
			{ name: 'us', backends: [{ address: `127.0.0.1:${site.backendPort}`, ...cap }] },
		],
	};
}
