import { ConfigError, type ConfigProblem } from '../../core/errors.ts';
import type { SecretPlace } from '../config/fields-secrets.ts';
import { fileKeyProblem } from '../config/places.ts';
import type { Config } from '../config/schema.ts';
import { byPlace } from '../config/together.ts';
import { placeText, readSecret } from '../secret.ts';
import { TlsFault } from '../tls/fault.ts';
import { readUse } from '../tls/files.ts';
import type { AdminTerms, AdminToken } from './terms.ts';

/** Shorter ones can be tried out. */
const LEAST_TOKEN_LENGTH = 16;

type AdminConfig = NonNullable<Config['admin']>;

/**
 * Reads what the key `admin` names: tokens from the environment and from files, certificate and key.
 * @throws ConfigError with all that is wrong, at the places of the keys; never with a secret in it.
 */
export async function readAdminTerms(config: Config): Promise<AdminTerms | null> {
	const { admin } = config;
	if (admin === undefined) return null;
	const problems: ConfigProblem[] = [];
	const tokens: AdminToken[] = [];
	for (const [at, { role, token }] of admin.tokens.entries()) {
		const found = await readToken(token);
		if ('secret' in found) tokens.push({ role, token: found.secret });
		else problems.push(fileKeyProblem(config, ['admin', 'tokens', at, 'token'], found.fault));
	}
	const tls = admin.tls === undefined ? null : await readPair(config, admin.tls, problems);
	if (problems.length > 0) throw new ConfigError(byPlace(problems));
	return { bind: admin.bind, tokens, tls };
}

async function readToken(place: SecretPlace): Promise<{ readonly secret: string } | { readonly fault: string }> {
	const found = await readSecret(place);
	if ('fault' in found) return found;
	if (!/^[\x21-\x7e]+$/.test(found.secret))
		return { fault: `cannot use ${placeText(place)}: a token is printable ASCII without spaces` };
	if (found.secret.length >= LEAST_TOKEN_LENGTH) return found;
	return { fault: `cannot use ${placeText(place)}: a token has at least ${LEAST_TOKEN_LENGTH} characters` };
}

async function readPair(
	config: Config,
	{ cert, key }: NonNullable<AdminConfig['tls']>,
	problems: ConfigProblem[],
): Promise<AdminTerms['tls']> {
	try {
		const reading = await readUse({ type: 'pair', files: { cert, key, ocsp: null } });
		if (reading.type === 'pair') return { certificate: reading.pair.certificate, key: reading.pair.key };
	} catch (error) {
		if (!(error instanceof TlsFault)) throw error;
		const file = error.at === 'key' ? key : cert;
		const at = error.at === 'key' ? 'key' : 'cert';
		problems.push(fileKeyProblem(config, ['admin', 'tls', at], `cannot use ${file}: ${error.message}`));
	}
	return null;
}
