import { list, record, text, type Written } from './written.ts';
import type { Finding } from './yaml-document.ts';

type Path = readonly PropertyKey[];

/** What is said of a decrypted connection, and means nothing where TLS goes through. */
const TERMINATE_KEYS = ['certificates', 'minVersion', 'ciphers', 'alpn', 'tickets', 'clientAuth'] as const;

/** Faults between the keys of TLS and the PROXY protocol, over listeners and the pools that they route to. */
export function checkTls(listeners: readonly Written[], pools: readonly Written[]): Finding[] {
	const byName = new Map(pools.map((pool) => [pool.name, pool]));
	return [
		...listeners.flatMap((listener, i) => [
			...checkMode(listener, ['listeners', i]),
			...checkHelloMatches(listener, ['listeners', i]),
			...checkDoubleTls(listener, ['listeners', i], byName),
			...checkWaiting(listener, ['listeners', i], byName),
		]),
		...pools.flatMap((pool, i) => [
			...checkTlvs(pool, ['pools', i]),
			...checkPassedOn(pool, ['pools', i], listeners),
			...checkNameless(pool, ['pools', i]),
		]),
	];
}

const modeOf = (listener: Written): unknown => record(listener.tls).mode;

const routesOf = (listener: Written): readonly Written[] => list(listener.routes).map(record);

function checkMode({ tls }: Written, at: Path): Finding[] {
	const keys = record(tls);
	if (keys.mode === 'terminate' && keys.certificates === undefined) {
		return [{ path: [...at, 'tls', 'mode'], message: 'terminate needs certificates' }];
	}
	if (keys.mode !== 'passthrough') return [];
	return TERMINATE_KEYS.filter((key) => keys[key] !== undefined).map((key) => ({
		path: [...at, 'tls', key],
		message: 'is only for mode: terminate; passthrough leaves TLS to the backends',
		onKey: true,
	}));
}

/** Only a listener with TLS reads ClientHellos. */
function checkHelloMatches(listener: Written, at: Path): Finding[] {
	if (listener.tls !== undefined) return [];
	return routesOf(listener).flatMap(({ match }, i) =>
		['sni', 'alpn']
			.filter((key) => record(match)[key] !== undefined)
			.map((key) => ({
				path: [...at, 'routes', i, 'match', key],
				message: 'the listener reads no ClientHello: give it tls, such as { mode: passthrough }',
				onKey: true,
			})),
	);
}

function checkDoubleTls(listener: Written, at: Path, pools: ReadonlyMap<unknown, Written>): Finding[] {
	if (modeOf(listener) !== 'passthrough') return [];
	return routesOf(listener).flatMap(({ to }, i) =>
		list(to).flatMap((name, j) =>
			pools.get(name)?.tls === undefined
				? []
				: [
						{
							path: [...at, 'routes', i, 'to', j],
							message: `pool ${name} has tls: with passthrough that would be TLS inside of TLS; use terminate, or leave the pool's tls out`,
						},
					],
		),
	);
}

/** Node's runtime accepts by itself: nothing can wait in the kernel's queue. */
function checkWaiting(listener: Written, at: Path, pools: ReadonlyMap<unknown, Written>): Finding[] {
	if (listener.overflow !== 'wait') return [];
	const toTls = routesOf(listener)
		.flatMap(({ to }) => list(to))
		.find((name) => pools.get(name)?.tls !== undefined);
	const why = modeOf(listener) === 'terminate' ? 'it terminates TLS' : `it routes to pool ${toTls}, which has tls`;
	if (modeOf(listener) !== 'terminate' && toTls === undefined) return [];
	return [{ path: [...at, 'overflow'], message: `wait needs the epoll engine; here the node engine serves: ${why}` }];
}

function checkTlvs(pool: Written, at: Path): Finding[] {
	const { proxyTlvs, proxyProtocol = 'none' } = pool;
	if (list(proxyTlvs).length === 0 || (proxyProtocol !== 'none' && proxyProtocol !== 'v1')) return [];
	return [{ path: [...at, 'proxyTlvs'], message: 'is only for proxyProtocol: v2', onKey: true }];
}

/** What comes from the client's own TLS needs a listener that ends it. */
function checkPassedOn({ name, tls }: Written, at: Path, listeners: readonly Written[]): Finding[] {
	const { serverName, alpn } = record(tls);
	const asked: readonly (readonly [string, boolean])[] = [
		['serverName', serverName === 'sni'],
		['alpn', alpn === 'client'],
	];
	const terminated = listeners.some(
		(listener) =>
			modeOf(listener) === 'terminate' &&
			routesOf(listener).some(({ to }) => text(name) !== null && list(to).includes(name)),
	);
	if (terminated) return [];
	const message = 'needs a listener that terminates TLS and routes here: no other knows what the client asked for';
	return asked.filter(([, is]) => is).map(([key]) => ({ path: [...at, 'tls', key], message }));
}

/** The name in a certificate can only be checked against a name. */
function checkNameless(pool: Written, at: Path): Finding[] {
	const tls = record(pool.tls);
	if (pool.tls === undefined || tls.verify === false || tls.serverName !== undefined) return [];
	return list(pool.backends).flatMap((backend, i) =>
		text(record(backend).address)?.startsWith('unix:')
			? [
					{
						path: [...at, 'backends', i, 'address'],
						message: "a unix socket has no host name to verify: give the pool's tls a serverName",
					},
				]
			: [],
	);
}
