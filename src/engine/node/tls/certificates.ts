import { X509Certificate } from 'node:crypto';
import type { CertificateSnapshot } from '../../../core/snapshot.ts';

/** Certificates that serve together, at most one for each kind of key; the same object for the same set. */
export type CertificateSet = readonly CertificateSnapshot[];

/** Which certificates answer for which server name, worked out once for a listener's TLS. */
export class CertificateChoice {
	readonly #exact: ReadonlyMap<string, CertificateSet>;
	/** By what follows the `*.`. */
	readonly #wildcards: ReadonlyMap<string, CertificateSet>;
	readonly #default: CertificateSet;

	constructor(certificates: readonly CertificateSnapshot[]) {
		const [exact, wildcards] = [new Groups(), new Groups()];
		for (const certificate of certificates) {
			for (const name of certificate.names) {
				if (name.startsWith('*.')) wildcards.add(name.slice(2), certificate);
				else exact.add(name, certificate);
			}
		}
		const same = new SameSets(certificates);
		this.#exact = exact.sets(same);
		this.#wildcards = wildcards.sets(same);
		this.#default = same.of(certificates.filter(({ isDefault }) => isDefault));
	}

	/** Those with the name, before those with a wildcard for it, before the default ones. In lower case; null: none was asked for. */
	for(serverName: string | null): CertificateSet {
		if (serverName === null) return this.#default;
		return this.#exact.get(serverName) ?? this.#byWildcard(serverName) ?? this.#default;
	}

	#byWildcard(serverName: string): CertificateSet | undefined {
		const dot = serverName.indexOf('.');
		return dot > 0 ? this.#wildcards.get(serverName.slice(dot + 1)) : undefined;
	}
}

class Groups {
	readonly #groups = new Map<string, CertificateSnapshot[]>();

	add(name: string, certificate: CertificateSnapshot): void {
		const group = this.#groups.get(name);
		if (group === undefined) this.#groups.set(name, [certificate]);
		else group.push(certificate);
	}

	sets(same: SameSets): ReadonlyMap<string, CertificateSet> {
		return new Map([...this.#groups].map(([name, group]) => [name, same.of(group)]));
	}
}

/** A context has room for one certificate of each kind of key: the first in file order. */
class SameSets {
	readonly #numbers: ReadonlyMap<CertificateSnapshot, number>;
	readonly #sets = new Map<string, CertificateSet>();

	constructor(certificates: readonly CertificateSnapshot[]) {
		this.#numbers = new Map(certificates.map((certificate, number) => [certificate, number]));
	}

	of(group: CertificateSet): CertificateSet {
		const key = group.map((certificate) => this.#numbers.get(certificate)).join();
		const known = this.#sets.get(key);
		if (known !== undefined) return known;
		const set = group.length > 1 ? firstOfEachKind(group) : group;
		this.#sets.set(key, set);
		return set;
	}
}

function firstOfEachKind(group: CertificateSet): CertificateSet {
	const kinds = new Map<string | undefined, CertificateSnapshot>();
	for (const certificate of group) {
		const kind = new X509Certificate(certificate.certificate).publicKey.asymmetricKeyType;
		if (!kinds.has(kind)) kinds.set(kind, certificate);
	}
	return [...kinds.values()];
}
