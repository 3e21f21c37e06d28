import { errorText } from '../../core/errors.ts';
import type { AlertMessage } from './courier.ts';

/** A webhook that has not answered within this does not. */
export const WEBHOOK_TIMEOUT_MS = 5_000;

/**
 * Posts a message as JSON. Null when the answer is a success, else why not, in words that do not have the URL: it may
 * be a secret. Redirects are not followed: whom they lead to was not configured. Never rejects.
 */
export async function postMessage(
	url: string,
	message: AlertMessage,
	stop: AbortSignal,
	timeoutMs: number = WEBHOOK_TIMEOUT_MS,
): Promise<string | null> {
	try {
		const answer = await fetch(url, {
			method: 'POST',
			headers: { 'content-type': 'application/json', 'user-agent': 'sluice' },
			body: JSON.stringify(message),
			redirect: 'manual',
			signal: AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]),
		});
		// What it says is not read, so that it may be as long as it likes.
		await answer.body?.cancel();
		return answer.ok ? null : `answered ${answer.status}`;
	} catch (error) {
		return faultText(error, timeoutMs);
	}
}

function faultText(error: unknown, timeoutMs: number): string {
	const { name, cause } = error as { readonly name?: string; readonly cause?: { readonly code?: unknown } };
	if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1_000} s`;
	if (name === 'AbortError') return 'given up: stopping';
	if (typeof cause?.code === 'string') return cause.code;
	return cause === undefined ? 'the request failed' : errorText(cause).slice(0, 100);
}
