import type { SecretPlace } from './config/fields-secrets.ts';
import { FileFault, readRegularFile } from './regular-file.ts';

const MAX_SECRET_BYTES = 64 * 1024;

/** Where a secret stands, as written in the configuration. */
export const placeText = (place: SecretPlace): string =>
	place.from === 'env' ? `env:${place.name}` : `file:${place.path}`;

/** What stands there, without spaces around it; or why it cannot be used, which never has the secret in it. */
export async function readSecret(
	place: SecretPlace,
): Promise<{ readonly secret: string } | { readonly fault: string }> {
	const read = place.from === 'env' ? process.env[place.name] : await readFileSecret(place.path);
	if (read instanceof FileFault) return { fault: `cannot use ${placeText(place)}: ${read.message}` };
	if (read === undefined) return { fault: `cannot use ${placeText(place)}: it is not set` };
	return { secret: read.trim() };
}

async function readFileSecret(path: string): Promise<string | FileFault> {
	try {
		const { bytes } = await readRegularFile(path, MAX_SECRET_BYTES, (size) => new ArrayBuffer(size));
		return Buffer.from(bytes).toString('latin1');
	} catch (error) {
		if (error instanceof FileFault) return error;
		throw error;
	}
}
