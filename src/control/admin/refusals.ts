import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { ConfigError, errorText, SluiceError } from '../../core/errors.ts';
import type { Log } from '../log.ts';

/** Turned away before a route saw it. */
export class Refused extends SluiceError {
	readonly statusCode: number;
	readonly headers: Readonly<Record<string, string>>;

	constructor(statusCode: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
		super(code, message);
		this.statusCode = statusCode;
		this.headers = headers;
	}
}

/** What an operation's error is in HTTP. */
const STATUS: ReadonlyMap<string, number> = new Map([
	['bad-request', 400],
	['not-found', 404],
	['refused', 409],
	['restart-needed', 409],
	['cannot-bind', 409],
	['needs-epoll', 409],
	['stopping', 409],
	['config-invalid', 422],
	['config-unreadable', 422],
	['config-too-costly', 422],
	['busy', 429],
	['starting', 503],
]);

/** Answers what went wrong: to the caller what it has done, to the log what we have. */
export function answerError(
	error: unknown,
	request: FastifyRequest,
	reply: FastifyReply,
	log: Pick<Log, 'warn'>,
): FastifyReply {
	if (hasZodFastifySchemaValidationErrors(error)) {
		const message = error.validation
			.map(({ instancePath, message }) => `${instancePath || '/'}: ${message}`)
			.join('; ');
		return reply.code(400).send({ code: 'bad-request', message });
	}
	if (error instanceof Refused) {
		if (isEndless(request)) void reply.header('connection', 'close');
		return reply.code(error.statusCode).headers(error.headers).send({ code: error.code, message: error.message });
	}
	if (error instanceof ConfigError) {
		return reply.code(422).send({ code: error.code, message: error.message, problems: error.problems });
	}
	if (error instanceof SluiceError) {
		return reply.code(STATUS.get(error.code) ?? 500).send({ code: error.code, message: error.message });
	}
	const { statusCode = 500, code = 'internal' } = error as { statusCode?: number; code?: string };
	if (statusCode < 500) return reply.code(statusCode).send({ code, message: errorText(error) });
	log.warn('admin request failed', { method: request.method, path: pathOf(request), reason: errorText(error) });
	return reply.code(500).send({ code: 'internal', message: 'internal error; the log says more' });
}

/** The body of a refused request is read and thrown away, so that the answer is heard: but not one without an end. */
const MOST_THROWN_AWAY = 8 * 1_048_576;

function isEndless({ headers }: FastifyRequest): boolean {
	return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > MOST_THROWN_AWAY;
}

export const pathOf = ({ url }: FastifyRequest): string => url.split('?')[0] ?? url;
