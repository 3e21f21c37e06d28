import { X509Certificate } from 'node:crypto';
import type { CertificateSnapshot } from '../../../core/snapshot.ts';
import { offeredSchemes, schemesOf } from './signature-schemes.ts';

/** Certificates that serve together, at most one for each kind of key; the same object for the same set. */
export type CertificateSet = readonly CertificateSnapshot[];

/** Which certificates answer for which server name, worked out once for a listener's TLS. */
export class CertificateChoice {
	readonly #exact: ReadonlyMap<string, CertificateSet>;
	/** By what follows the `*.`. */
	readonly #wildcards: ReadonlyMap<string, CertificateSet>;
	readonly #default: CertificateSet;
	readonly #singlesOf = new Map<CertificateSet, readonly Single[]>();

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

	/**
	 * Those for the name; where OCSP responses are stapled and the client's hello leaves no doubt, the one that will be
	 * shown: Node asks for the response before OpenSSL has chosen among several, and a wrong response is worse than none.
	 */
	forHello(serverName: string | null, hello: Uint8Array): CertificateSet {
		const set = this.for(serverName);
		if (set.length === 1 || set.every(({ ocsp }) => ocsp === null)) return set;
		const offered = offeredSchemes(hello);
		if (offered === null) return set;
		return this.#singles(set).find(({ schemes }) => takes(offered, schemes))?.set ?? set;
	}

	#singles(set: CertificateSet): readonly Single[] {
		const known = this.#singlesOf.get(set);
		if (known !== undefined) return known;
		const singles = set.map((certificate) => ({ set: [certificate], schemes: schemesOf(certificate.certificate) }));
		// As OpenSSL does of itself: ECDSA, which costs us less, before RSA.
		singles.sort((one, other) => (one.schemes[0] ?? 0) - (other.schemes[0] ?? 0));
		this.#singlesOf.set(set, singles);
		return singles;
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

/** One certificate of a set by itself. */
interface Single {
	readonly set: CertificateSet;
	readonly schemes: readonly number[];
}

const takes = (offered: ReadonlySet<number>, schemes: readonly number[]): boolean =>
	schemes.some((scheme) => offered.has(scheme));

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
