import { ConfigError, type ConfigProblem } from '../../core/errors.ts';
import { type WebhookPlace, webhookFault } from '../config/fields-secrets.ts';
import { fileKeyProblem } from '../config/places.ts';
import type { Config } from '../config/schema.ts';
import { byPlace } from '../config/together.ts';
import { placeText, readSecret } from '../secret.ts';
import type { AlertTerms } from './terms.ts';

/**
 * The alerts of a configuration, with URLs that are secrets read.
 * @throws ConfigError with all that is wrong, at the places of the keys; never with a URL in it.
 */
export async function readAlertTerms(config: Config): Promise<readonly AlertTerms[]> {
	const problems: ConfigProblem[] = [];
	const terms = [];
	for (const [at, { name, when, for: forMs, webhook }] of config.alerts.entries()) {
		const found = webhook === undefined ? { url: null } : await readUrl(webhook);
		if ('fault' in found) problems.push(fileKeyProblem(config, ['alerts', at, 'webhook'], found.fault));
		else terms.push({ name, when: when.text, condition: when.condition, forMs, webhook: found.url });
	}
	if (problems.length > 0) throw new ConfigError(byPlace(problems));
	return terms;
}

async function readUrl(place: WebhookPlace): Promise<{ readonly url: string } | { readonly fault: string }> {
	if (place.from === 'text') return { url: place.url };
	const found = await readSecret(place);
	if ('fault' in found) return found;
	const fault = webhookFault(found.secret);
	return fault === null ? { url: found.secret } : { fault: `cannot use ${placeText(place)}: ${fault}` };
}
