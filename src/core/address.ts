/**
 * An IP address as four unsigned 32-bit words, most significant first.
 * IPv4 is held in its IPv4-mapped form (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2), so that an
 * address and its mapped twin are one value everywhere: access, geo, hashing, limits, logs.
 */
export interface IpAddress {
	readonly a: number;
	readonly b: number;
	readonly c: number;
	readonly d: number;
}

/** The third word of an IPv4-mapped address. */
export const V4_MAPPED = 0xffff;

export const isV4 = (address: IpAddress): boolean => address.a === 0 && address.b === 0 && address.c === V4_MAPPED;

export const isSameAddress = (x: IpAddress, y: IpAddress): boolean =>
	x.d === y.d && x.c === y.c && x.b === y.b && x.a === y.a;

/** An address with a port; `address` is null for a unix-domain socket, which has none. */
export interface Endpoint {
	readonly address: IpAddress | null;
	readonly port: number;
}

/** Where to listen or connect: a TCP host and port, or the path of a unix-domain socket. */
export type SocketTarget =
	| { readonly type: 'tcp'; readonly host: string; readonly port: number }
	| { readonly type: 'unix'; readonly path: string };

/** `host:port`, `[v6]:port` or `unix:/path`, as in the configuration. */
export function formatTarget(target: SocketTarget): string {
	if (target.type === 'unix') return `unix:${target.path}`;
	return target.host.includes(':') ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}
