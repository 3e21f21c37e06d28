import { isIP } from 'node:net';
import { type Endpoint, type IpAddress, isV4, type SocketTarget, V4_MAPPED } from '../../core/address.ts';
import { parseKernelAddress } from '../node/peer-address.ts';
import { AF_INET, AF_INET6, AF_UNIX, SOCKADDR_BYTES } from './layouts.ts';
import type { Libc, NativeBuffer } from './libc.ts';

const IN_BYTES = 16;
const IN6_BYTES = 28;

/**
 * A `struct sockaddr` in native memory, written and read field by field (ip(7), ipv6(7), unix(7)). The
 * family is in the machine's byte order (little on all that this engine runs on), port and address in the net's.
 */
export class SocketAddress {
	readonly buffer: NativeBuffer;
	/** Bytes in use after a `put`. */
	length = 0;
	readonly #view: DataView;
	readonly #written = new WeakMap<SocketTarget, Uint8Array>();

	constructor(libc: Libc) {
		this.buffer = libc.allocate(SOCKADDR_BYTES);
		this.#view = new DataView(this.buffer.bytes.buffer);
	}

	get family(): number {
		return this.#view.getUint16(0, true);
	}

	/**
	 * Answers the address family. What a target was written as is kept with it: backends are written for each session.
	 * @throws RangeError when a host is not an IP address or a path is too long.
	 */
	put(target: SocketTarget): number {
		const known = this.#written.get(target);
		if (known === undefined) {
			const family = this.#encode(target);
			this.#written.set(target, this.buffer.bytes.slice(0, this.length));
			return family;
		}
		this.buffer.bytes.set(known);
		this.length = known.length;
		return this.family;
	}

	#encode(target: SocketTarget): number {
		if (target.type === 'unix') return this.#putPath(target.path);
		const address = isIP(target.host) === 0 ? null : parseKernelAddress(target.host);
		if (address === null) throw new RangeError(`not an IP address: ${target.host}`);
		return this.putAddress(address, target.port, target.host.includes(':') && !isV4(address));
	}

	/** Answers the address family. */
	putAddress(address: IpAddress, port: number, v6: boolean): number {
		const view = this.#view;
		view.setUint16(2, port);
		if (!v6) {
			view.setUint16(0, AF_INET, true);
			view.setUint32(4, address.d);
			this.buffer.bytes.fill(0, 8, IN_BYTES);
			this.length = IN_BYTES;
			return AF_INET;
		}
		view.setUint16(0, AF_INET6, true);
		view.setUint32(4, 0);
		view.setUint32(8, address.a);
		view.setUint32(12, address.b);
		view.setUint32(16, address.c);
		view.setUint32(20, address.d);
		view.setUint32(24, 0);
		this.length = IN6_BYTES;
		return AF_INET6;
	}

	/** What a call has written here; a unix-domain socket has no address. */
	take(): Endpoint {
		const view = this.#view;
		if (this.family === AF_INET) {
			return { address: { a: 0, b: 0, c: V4_MAPPED, d: view.getUint32(4) }, port: view.getUint16(2) };
		}
		if (this.family !== AF_INET6) return NO_ENDPOINT;
		const address = { a: view.getUint32(8), b: view.getUint32(12), c: view.getUint32(16), d: view.getUint32(20) };
		return { address, port: view.getUint16(2) };
	}

	#putPath(path: string): number {
		const bytes = new TextEncoder().encode(path);
		if (bytes.length > SOCKADDR_BYTES - 3)
			throw new RangeError(`path longer than ${SOCKADDR_BYTES - 3} bytes: ${path}`);
		this.#view.setUint16(0, AF_UNIX, true);
		this.buffer.bytes.set(bytes, 2);
		this.buffer.bytes[2 + bytes.length] = 0;
		this.length = 3 + bytes.length;
		return AF_UNIX;
	}
}

const NO_ENDPOINT: Endpoint = { address: null, port: 0 };

/** An address of its own in native memory; null for a host that is not an IP address, or a path that is too long. */
export function addressFor(libc: Libc, target: SocketTarget): SocketAddress | null {
	const address = new SocketAddress(libc);
	try {
		address.put(target);
		return address;
	} catch {
		return null;
	}
}
