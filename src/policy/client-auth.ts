import type { ClientCertificate } from '../core/session-io.ts';
import type { ClientAuth } from '../core/snapshot.ts';
import { matchesName } from './names.ts';

/**
 * Whether a client may come in with this certificate; null: it may. Otherwise why not, in one line. Where a certificate
 * is only requested, none at all is fine, and a bad one is not.
 */
export function refuseCertificate(auth: ClientAuth | null, certificate: ClientCertificate | null): string | null {
	if (auth === null) return null;
	if (certificate === null) return auth.mode === 'require' ? 'client certificate: none was sent' : null;
	if (!certificate.verified) return `client certificate: ${certificate.error ?? 'not verified'}`;
	if (auth.fingerprints.length > 0 && !auth.fingerprints.includes(certificate.fingerprint))
		return 'client certificate: its fingerprint is not one of those that may come in';
	if (auth.names.length === 0) return null;
	const known = certificate.names.some((name) => auth.names.some((pattern) => matchesName(pattern, name)));
	return known ? null : 'client certificate: its names are not among those that may come in';
}
