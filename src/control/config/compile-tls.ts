import { createHash } from 'node:crypto';
import type {
	CertificateSnapshot,
	ClientAuth,
	ListenerTls,
	NameSet,
	PoolSnapshot,
	ProxyProtocolIn,
	ProxyProtocolOut,
	RouteSnapshot,
	TerminateTls,
	UpstreamTls,
} from '../../core/snapshot.ts';
import { buildNetworkTable } from '../../policy/network-table.ts';
import type { ListenerConfig, PoolConfig } from './schema.ts';
import { type PairFiles, pairFiles } from './tls-files.ts';

/** A certificate with its key, read and checked. */
export type KeyPair = Omit<CertificateSnapshot, 'isDefault'>;

/** What a snapshot needs for TLS beside its configuration: what files hold, and keys of session tickets. */
export interface TlsSource {
	pair(files: PairFiles): KeyPair;
	/** PEM. */
	authorities(file: string): string;
	/** 48 bytes; others when `settings` are others: a ticket must not lead past a check that it was not issued under. */
	ticketKey(listener: string, settings: string): Uint8Array;
}

type ListenerTlsConfig = NonNullable<ListenerConfig['tls']>;

export const compileProxyIn = ({ proxyProtocol }: ListenerConfig): ProxyProtocolIn | null =>
	proxyProtocol === undefined
		? null
		: { from: buildNetworkTable(proxyProtocol.from), timeoutMs: proxyProtocol.timeout };

export const compileProxyOut = ({ proxyProtocol, proxyTlvs }: PoolConfig): ProxyProtocolOut | null =>
	proxyProtocol === 'none' ? null : { version: proxyProtocol, tlvs: proxyTlvs };

export function compileListenerTls({ name, tls }: ListenerConfig, source: TlsSource): ListenerTls | null {
	if (tls === undefined) return null;
	const startTls = tls.startTls ?? null;
	if (tls.mode === 'passthrough') return { mode: 'passthrough', startTls };
	const clientAuth = compileClientAuth(tls, source);
	return withIdentity<TerminateTls>({
		mode: 'terminate',
		startTls,
		certificates: compileCertificates(tls, source),
		minVersion: tls.minVersion,
		ciphers: tls.ciphers ?? null,
		alpn: tls.alpn,
		ticketKey: source.ticketKey(name, digest(clientAuth)),
		clientAuth,
	});
}

/** Those that are said to be defaults, else the first. */
function compileCertificates({ certificates = [] }: ListenerTlsConfig, source: TlsSource): CertificateSnapshot[] {
	const named = certificates.some((certificate) => certificate.default);
	return certificates.map((certificate, i) => ({
		...source.pair(pairFiles(certificate)),
		isDefault: named ? certificate.default : i === 0,
	}));
}

function compileClientAuth({ clientAuth }: ListenerTlsConfig, source: TlsSource): ClientAuth | null {
	if (clientAuth === undefined) return null;
	const { ca, mode, names, fingerprints } = clientAuth;
	return { ca: source.authorities(ca), mode, names, fingerprints };
}

export function compileUpstreamTls({ tls }: PoolConfig, source: TlsSource): UpstreamTls | null {
	if (tls === undefined) return null;
	const pair = tls.clientCertificate === undefined ? null : source.pair(pairFiles(tls.clientCertificate));
	return withIdentity<UpstreamTls>({
		startTls: tls.startTls ?? null,
		verify: tls.verify,
		ca: tls.ca === undefined ? null : source.authorities(tls.ca),
		serverName: serverNameOf(tls.serverName),
		alpn: tls.alpn,
		minVersion: tls.minVersion,
		clientCertificate: pair === null ? null : { certificate: pair.certificate, key: pair.key },
	});
}

function serverNameOf(written: string | undefined): UpstreamTls['serverName'] {
	if (written === undefined) return { from: 'backend' };
	return written === 'sni' ? { from: 'sni' } : { name: written };
}

/** Absent stays absent: every name, and none. */
export function compileNames(written: readonly string[] | undefined): NameSet | null {
	if (written === undefined) return null;
	const isWildcard = (name: string): boolean => name.startsWith('*.');
	return {
		exact: new Set(written.filter((name) => !isWildcard(name))),
		parents: new Set(written.filter(isWildcard).map((name) => name.slice(2))),
	};
}

/** What the routes of a listener ask of the engine and of the accepted socket. */
export function needsOf(
	tls: ListenerTls | null,
	routes: readonly RouteSnapshot[],
	pools: readonly Pick<PoolSnapshot, 'tls' | 'proxyProtocol'>[],
): { needsNode: boolean; needsLocal: boolean } {
	const reached = routes.flatMap((route) => route.pools.map((index) => pools[index]));
	return {
		needsNode: tls?.mode === 'terminate' || reached.some((pool) => pool?.tls != null),
		needsLocal: reached.some((pool) => pool?.proxyProtocol != null),
	};
}

const withIdentity = <T extends { readonly identity: string }>(rest: Omit<T, 'identity'>): T =>
	({ ...rest, identity: digest(rest) }) as T;

/** The same for what says the same; bytes count as their values. */
function digest(value: unknown): string {
	const bytesAsText = (_key: string, held: unknown): unknown =>
		held instanceof Uint8Array ? Buffer.from(held).toString('base64') : held;
	return createHash('sha256').update(JSON.stringify(value, bytesAsText)).digest('base64url');
}
