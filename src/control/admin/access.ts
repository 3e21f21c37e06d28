import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList } from 'node:net';
import type { AdminTerms, Role } from './terms.ts';

/** Who asks: what they may do, and what the log calls them. */
export interface Caller {
	readonly roles: ReadonlySet<Role>;
	readonly name: string;
	/** By a token or as the owner of the socket; false: let in for coming from loopback alone. */
	readonly known: boolean;
}

/** What a request shows of its sender. */
export interface Shown {
	/** The `Authorization` header. */
	readonly authorization: string | undefined;
	/** The socket's remote address; undefined on a unix-domain socket. */
	readonly address: string | undefined;
	readonly unix: boolean;
}

const READER: ReadonlySet<Role> = new Set(['read']);
const OWNER: ReadonlySet<Role> = new Set(['read', 'write', 'tap']);

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** 127.0.0.0/8 and ::1, also as IPv4-mapped. */
export function isLoopback(address: string): boolean {
	const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
	return v4.includes(':') ? LOOPBACK.check(v4, 'ipv6') : LOOPBACK.check(v4, 'ipv4');
}

interface KnownToken {
	readonly digest: Buffer;
	readonly roles: ReadonlySet<Role>;
	readonly label: string;
}

/**
 * Tells who a request comes from. With a token: what that token may. Without one: whoever may open the unix-domain
 * socket (mode 0600: the owner, who could stop the process as well) may all, loopback may read, others nothing.
 * A token that is not known is worth less than none.
 */
export class Admittance {
	readonly #tokens: readonly KnownToken[];

	constructor({ tokens }: Pick<AdminTerms, 'tokens'>) {
		this.#tokens = tokens.map(({ role, token }, at) => ({
			digest: digestOf(token),
			roles: new Set<Role>(['read', role]),
			label: `token ${at + 1} (${role})`,
		}));
	}

	/** Null: nobody we know. */
	admit({ authorization, address, unix }: Shown): Caller | null {
		const from = unix ? 'the unix socket' : (address ?? 'nowhere');
		if (authorization !== undefined) {
			const known = this.#find(/^Bearer +(\S+)\s*$/i.exec(authorization)?.[1] ?? '');
			return known === null ? null : { roles: known.roles, name: `${known.label} from ${from}`, known: true };
		}
		if (unix) return { roles: OWNER, name: from, known: true };
		if (address === undefined || !isLoopback(address)) return null;
		return { roles: READER, name: `loopback (${from})`, known: false };
	}

	/** Every token is looked at, whichever fits: how long it takes tells nothing. */
	#find(token: string): KnownToken | null {
		const digest = digestOf(token);
		let found: KnownToken | null = null;
		for (const known of this.#tokens) if (timingSafeEqual(known.digest, digest)) found ??= known;
		return found;
	}
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
