import type { SocketTarget } from '../../core/address.ts';

/** What a token lets its bearer do; each of the others may read, too. */
export const ROLES = ['read', 'write', 'tap'] as const;
export type Role = (typeof ROLES)[number];

export interface AdminToken {
	readonly role: Role;
	readonly token: string;
}

/** The key `admin` of the configuration, its secrets and files read. */
export interface AdminTerms {
	readonly bind: SocketTarget;
	readonly tokens: readonly AdminToken[];
	/** PEM. Null: HTTP in the clear, on loopback or a unix-domain socket alone. */
	readonly tls: { readonly certificate: string; readonly key: string } | null;
}
