import type { ListenerSnapshot, PoolSnapshot, TerminateTls } from '../core/snapshot.ts';
import { matchesName } from './names.ts';
import type { Trace } from './trace.ts';

/** Whose address is meant where peers may speak for others. */
export function noteSource({ proxyProtocol }: ListenerSnapshot, trace: Trace): void {
	if (proxyProtocol === null) return;
	const from = proxyProtocol.from.names.join(', ');
	trace.note('identify', `peers in ${from} must send a PROXY header: the address asked about is the one it names`);
}

/** What is read of the client before it is routed. */
export function noteHello({ tls }: ListenerSnapshot, sni: string | null, alpn: readonly string[], trace: Trace): void {
	if (tls === null) {
		if (sni !== null || alpn.length > 0)
			trace.note('identify', 'no ClientHello is read here: server name and protocols are of no effect');
		return;
	}
	if (tls.startTls !== null) trace.note('identify', `TLS begins as ${tls.startTls} clients ask for it`);
	const name = sni === null ? 'no server name: only routes without sni match' : `server name ${sni}`;
	const protocols = alpn.length === 0 ? 'no protocols offered' : `protocols ${alpn.join(', ')}`;
	trace.note('identify', `ClientHello: ${name}; ${protocols}`);
	if (tls.mode === 'terminate') noteTermination(tls, sni, trace);
}

function noteTermination({ certificates, clientAuth }: TerminateTls, sni: string | null, trace: Trace): void {
	const own = sni === null ? [] : certificatesFor(certificates, sni);
	const served = own.length > 0 ? own : certificates.filter(({ isDefault }) => isDefault);
	const names = served.map((certificate) => certificate.names.join(' ')).join('; ');
	const whose = names === '' ? '' : ` for ${names}`;
	trace.note('identify', `TLS is terminated with the ${own.length > 0 ? '' : 'default '}certificate${whose}`);
	if (clientAuth === null) return;
	const wanted = clientAuth.mode === 'require' ? 'required' : 'requested';
	trace.note('identify', `client certificates are ${wanted} and checked against a CA`);
}

/** Those with the name itself; with a wildcard for it only where there is none. */
function certificatesFor(certificates: TerminateTls['certificates'], sni: string): TerminateTls['certificates'] {
	const exact = certificates.filter(({ names }) => names.includes(sni));
	if (exact.length > 0) return exact;
	return certificates.filter(({ names }) => names.some((name) => matchesName(name, sni)));
}

/** What a backend of this pool is told before the client's bytes. */
export function noteConnect(listener: ListenerSnapshot, { proxyProtocol, tls }: PoolSnapshot, trace: Trace): void {
	if (proxyProtocol !== null) {
		const tlvs = proxyProtocol.tlvs.length === 0 ? '' : ` with ${proxyProtocol.tlvs.join(', ')}`;
		trace.note('connect', `the backend gets a PROXY ${proxyProtocol.version} header${tlvs}`);
	}
	const passes = listener.tls?.mode === 'passthrough' ? listener.tls.startTls : null;
	if (tls === null && passes !== null)
		trace.note('connect', `the backend is asked for TLS as ${passes} clients ask, if the client asked so`);
	if (tls?.startTls != null) trace.note('connect', `the backend is asked for TLS as ${tls.startTls} clients ask`);
	if (tls !== null) trace.note('connect', `TLS to the backend, its certificate is ${tls.verify ? '' : 'not '}verified`);
}
