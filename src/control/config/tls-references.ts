import { list, record, text, type Written } from './written.ts';
import type { Finding } from './yaml-document.ts';

type Path = readonly PropertyKey[];

/** What is said of a decrypted connection, and means nothing where TLS goes through. */
const TERMINATE_KEYS = ['certificates', 'minVersion', 'ciphers', 'alpn', 'tickets', 'clientAuth'] as const;

/** Faults between the keys of TLS and the PROXY protocol, over listeners and the pools that they route to. */
export function checkTls(limits: Written, listeners: readonly Written[], pools: readonly Written[]): Finding[] {
	const byName = new Map(pools.map((pool) => [pool.name, pool]));
	return [
		...checkWaitingForAll(limits, listeners, byName),
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
	const why = listener.overflow === 'wait' ? whyOnNode(listener, pools) : null;
	if (why === null) return [];
	return [{ path: [...at, 'overflow'], message: `wait needs the epoll engine; here the node engine serves: ${why}` }];
}

/** The cap and the rates of the process are those of every listener. */
function checkWaitingForAll(
	limits: Written,
	listeners: readonly Written[],
	pools: ReadonlyMap<unknown, Written>,
): Finding[] {
	if (limits.overflow !== 'wait') return [];
	const onNode = listeners.find((listener) => whyOnNode(listener, pools) !== null);
	if (onNode === undefined) return [];
	const where = `the node engine serves listener ${onNode.name}: ${whyOnNode(onNode, pools)}`;
	return [{ path: ['limits', 'overflow'], message: `wait needs the epoll engine; ${where}` }];
}

/** What the node engine alone can do for this listener, or null. */
function whyOnNode(listener: Written, pools: ReadonlyMap<unknown, Written>): string | null {
	if (modeOf(listener) === 'terminate') return 'it terminates TLS';
	const toTls = routesOf(listener)
		.flatMap(({ to }) => list(to))
		.find((name) => pools.get(name)?.tls !== undefined);
	return toTls === undefined ? null : `it routes to pool ${toTls}, which has tls`;
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
