import type { NameSet } from '../core/snapshot.ts';

/** Whether a name is one of these: exactly, or by a wildcard for its first label (RFC 6125 section 6.4.3). Lower case. */
export function hasName({ exact, parents }: NameSet, name: string): boolean {
	if (exact.has(name)) return true;
	const dot = name.indexOf('.');
	return dot > 0 && parents.has(name.slice(dot + 1));
}

/**
 * Whether a pattern means a name: the same, or `*.` and one label. Both in lower case. Names of certificates are of other
 * kinds, too: what stands before the first dot of a URI or of an e-mail address is no label.
 */
export function matchesName(pattern: string, name: string): boolean {
	if (!pattern.startsWith('*.')) return pattern === name;
	const dot = name.indexOf('.');
	return name.slice(dot) === pattern.slice(1) && LABEL.test(name.slice(0, dot));
}

const LABEL = /^(?:\*|[a-z0-9_-]+)$/;
