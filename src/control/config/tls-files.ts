import { resolve } from 'node:path';
import type { Config, ListenerConfig, PoolConfig } from './schema.ts';

type Path = readonly PropertyKey[];

/** A certificate, its key and perhaps an OCSP response; absolute paths. */
export interface PairFiles {
	readonly cert: string;
	readonly key: string;
	readonly ocsp: string | null;
}

/** A place of a configuration that names certificate files. */
export type TlsUse = {
	/** Such as `listeners[0].tls.certificates[1]`, as segments; of authorities, the key itself. */
	readonly path: Path;
	readonly owner: { readonly kind: 'listener' | 'pool'; readonly name: string };
} & (
	| { readonly type: 'pair'; readonly files: PairFiles; readonly isDefault: boolean }
	| { readonly type: 'authorities'; readonly file: string }
);

type ListenerTls = NonNullable<ListenerConfig['tls']>;
type PoolTls = NonNullable<PoolConfig['tls']>;
type Pair = { readonly cert: string; readonly key: string; readonly ocsp?: string | undefined };

export const pairFiles = ({ cert, key, ocsp }: Pair): PairFiles => ({ cert, key, ocsp: ocsp ?? null });

/** Every place that names certificate files, in file order. */
export function tlsUses(config: Config): TlsUse[] {
	return [
		...config.listeners.flatMap(({ name, tls }, i) =>
			tls === undefined ? [] : listenerUses(tls, { kind: 'listener', name }, ['listeners', i, 'tls']),
		),
		...config.pools.flatMap(({ name, tls }, i) =>
			tls === undefined ? [] : poolUses(tls, { kind: 'pool', name }, ['pools', i, 'tls']),
		),
	];
}

function listenerUses({ certificates = [], clientAuth }: ListenerTls, owner: TlsUse['owner'], at: Path): TlsUse[] {
	const uses = certificates.map((pair, j): TlsUse => {
		const path = [...at, 'certificates', j];
		return { type: 'pair', path, owner, files: pairFiles(pair), isDefault: pair.default };
	});
	if (clientAuth === undefined) return uses;
	return [...uses, { type: 'authorities', path: [...at, 'clientAuth', 'ca'], owner, file: clientAuth.ca }];
}

function poolUses({ ca, clientCertificate: pair }: PoolTls, owner: TlsUse['owner'], at: Path): TlsUse[] {
	const uses: TlsUse[] = ca === undefined ? [] : [{ type: 'authorities', path: [...at, 'ca'], owner, file: ca }];
	if (pair === undefined) return uses;
	const path = [...at, 'clientCertificate'];
	return [...uses, { type: 'pair', path, owner, files: pairFiles(pair), isDefault: false }];
}

/** The keys that something can be said of once the files are read. */
export const tlsFileKeys = (config: Config): Path[] => [
	...tlsUses(config).flatMap(({ type, path }) =>
		type === 'authorities' ? [path] : ['cert', 'key', 'ocsp', 'default'].map((key) => [...path, key]),
	),
];

/** The same with paths that are relative to this folder. */
export function absoluteListenerTls(tls: ListenerTls | undefined, folder: string): ListenerTls | undefined {
	if (tls === undefined) return tls;
	const { certificates, clientAuth } = tls;
	return {
		...tls,
		...(certificates && { certificates: certificates.map((pair) => absolutePair(pair, folder)) }),
		...(clientAuth && { clientAuth: { ...clientAuth, ca: resolve(folder, clientAuth.ca) } }),
	};
}

export function absolutePoolTls(tls: PoolTls | undefined, folder: string): PoolTls | undefined {
	if (tls === undefined) return tls;
	const { ca, clientCertificate } = tls;
	return {
		...tls,
		...(ca !== undefined && { ca: resolve(folder, ca) }),
		...(clientCertificate && { clientCertificate: absolutePair(clientCertificate, folder) }),
	};
}

const absolutePair = <P extends Pair>(pair: P, folder: string): P => ({
	...pair,
	cert: resolve(folder, pair.cert),
	key: resolve(folder, pair.key),
	...(pair.ocsp !== undefined && { ocsp: resolve(folder, pair.ocsp) }),
});
