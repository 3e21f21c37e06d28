import { ConfigError, type ConfigProblem } from '../../core/errors.ts';
import type { SecretPlace } from '../config/fields-secrets.ts';
import { fileKeyProblem } from '../config/places.ts';
import type { Config } from '../config/schema.ts';
import { byPlace } from '../config/together.ts';
import { FileFault, readRegularFile } from '../regular-file.ts';
import { TlsFault } from '../tls/fault.ts';
import { readUse } from '../tls/files.ts';
import type { AdminTerms, AdminToken } from './terms.ts';

const MAX_TOKEN_BYTES = 64 * 1024;
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
		const found = await readSecret(token);
		if ('secret' in found) tokens.push({ role, token: found.secret });
		else problems.push(fileKeyProblem(config, ['admin', 'tokens', at, 'token'], found.fault));
	}
	const tls = admin.tls === undefined ? null : await readPair(config, admin.tls, problems);
	if (problems.length > 0) throw new ConfigError(byPlace(problems));
	return { bind: admin.bind, tokens, tls };
}

async function readSecret(place: SecretPlace): Promise<{ readonly secret: string } | { readonly fault: string }> {
	const where = place.from === 'env' ? `env:${place.name}` : `file:${place.path}`;
	const read = place.from === 'env' ? process.env[place.name] : await readFileSecret(place.path);
	if (read instanceof FileFault) return { fault: `cannot use ${where}: ${read.message}` };
	if (read === undefined) return { fault: `cannot use ${where}: it is not set` };
	const secret = read.trim();
	if (/^[\x21-\x7e]+$/.test(secret) === false)
		return { fault: `cannot use ${where}: a token is printable ASCII without spaces` };
	if (secret.length >= LEAST_TOKEN_LENGTH) return { secret };
	return { fault: `cannot use ${where}: a token has at least ${LEAST_TOKEN_LENGTH} characters` };
}

async function readFileSecret(path: string): Promise<string | FileFault> {
	try {
		const { bytes } = await readRegularFile(path, MAX_TOKEN_BYTES, (size) => new ArrayBuffer(size));
		return Buffer.from(bytes).toString('latin1');
	} catch (error) {
		if (error instanceof FileFault) return error;
		throw error;
	}
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
