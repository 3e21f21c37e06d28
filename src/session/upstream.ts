import type { Rng } from '../core/ports.ts';
import type { SessionAction } from '../core/session-io.ts';
import type { BackendSnapshot, PoolSnapshot, ProxyProtocolOut, UpstreamTls } from '../core/snapshot.ts';
import { POSTGRES_SSL_REQUEST } from '../wire/postgres.ts';
import { writeProxyHeader } from '../wire/proxy-protocol.ts';
import type { Identity } from './identity.ts';

const UNIQUE_ID_BYTES = 16;

/** The PROXY header that a backend gets before anything else. */
export function prefaceFor({ version, tlvs }: ProxyProtocolOut, identity: Identity, rng: Rng): Uint8Array {
	const { client, destination, hello, tls } = identity;
	const known = client.address !== null && destination !== null && destination.address !== null;
	return writeProxyHeader(version, {
		addresses: known ? { source: client, destination } : null,
		authority: tlvs.includes('authority') ? (hello?.serverName ?? null) : null,
		// What was agreed on; of TLS that passes through, what the client likes best.
		alpn: tlvs.includes('alpn') ? (tls === null ? (hello?.alpn[0] ?? null) : tls.alpn) : null,
		ssl: tlvs.includes('ssl') ? tls : null,
		uniqueId: tlvs.includes('unique-id') ? uniqueIdOf(identity, rng) : null,
		crc32c: tlvs.includes('crc32c'),
	});
}

/** The same for every try of a session. */
function uniqueIdOf(identity: Identity, rng: Rng): Uint8Array {
	identity.uniqueId ??= newUniqueId(rng);
	return identity.uniqueId;
}

/** 16 random bytes, as hex digits. */
function newUniqueId(rng: Rng): Uint8Array {
	const digits = new Uint8Array(UNIQUE_ID_BYTES * 2);
	for (let at = 0; at < digits.length; at++) digits[at] = HEX.charCodeAt(Math.floor(rng() * HEX.length));
	return digits;
}

const HEX = '0123456789abcdef';

/** What is to be asked of a connected backend before TLS with it begins; null: nothing. */
export function greetingFor(pool: PoolSnapshot, identity: Identity): SessionAction | null {
	// Of TLS that passes through, the backend is asked what the client asked us.
	const asks = pool.tls === null ? identity.askedForTls && identity.tls === null : pool.tls.startTls === 'postgres';
	return asks ? { type: 'greet', bytes: POSTGRES_SSL_REQUEST } : null;
}

/** How TLS with this backend begins. */
export function secureFor(tls: UpstreamTls, backend: BackendSnapshot, identity: Identity): SessionAction {
	return { type: 'secure', tls, serverName: serverNameFor(tls, backend, identity), alpn: alpnFor(tls, identity) };
}

/** Whether that says anything which the client has chosen: no client may get a backend ejected by what it asks for. */
export function asksForClient({ serverName, alpn }: UpstreamTls, { hello, tls }: Identity): boolean {
	const byName = 'from' in serverName && serverName.from === 'sni' && hello !== null && hello.serverName !== null;
	return byName || (alpn === 'client' && tls !== null && tls.alpn !== null);
}

function serverNameFor({ serverName }: UpstreamTls, backend: BackendSnapshot, { hello }: Identity): string | null {
	if ('name' in serverName) return serverName.name;
	return serverName.from === 'sni' ? (hello?.serverName ?? backend.hostName) : backend.hostName;
}

function alpnFor({ alpn }: UpstreamTls, { tls }: Identity): readonly string[] {
	if (alpn !== 'client') return alpn;
	return tls?.alpn == null ? [] : [tls.alpn];
}
