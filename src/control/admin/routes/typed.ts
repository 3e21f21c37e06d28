import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import * as z from 'zod';
import type { Caller } from '../access.ts';

/** A server whose handlers have the types of their schemas. */
export type AdminHttp = FastifyInstance<
	RawServerDefault,
	IncomingMessage,
	ServerResponse,
	FastifyBaseLogger,
	ZodTypeProvider
>;

/** Every answer that is no success. */
export const failure = z.object({ code: z.string(), message: z.string(), problems: z.array(z.unknown()).optional() });

/** The answer of a change that has nothing more to say. */
export const done = z.object({ ok: z.literal(true) });
export const DONE = { ok: true } as const;

/** What a route with this answer may answer. */
export const answers = <T extends z.ZodType>(good: T) => ({ 200: good, '4xx': failure, '5xx': failure });

/** Who asks, for the log. */
export const nameOf = ({ caller }: { readonly caller: Caller | null }): string => caller?.name ?? 'nobody';
