import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { AdminServerOptions } from '../server.ts';
import { addBackendRoutes } from './backends.ts';
import { addDashboardRoutes } from './dashboard.ts';
import { addHealthRoutes } from './health.ts';
import { addLookRoutes } from './look.ts';
import { addProcessRoutes } from './process.ts';
import { addSessionRoutes } from './sessions.ts';

/** Every route there is. */
export function addRoutes(http: FastifyInstance, options: AdminServerOptions): void {
	const typed = http.withTypeProvider<ZodTypeProvider>();
	addDashboardRoutes(typed, options);
	addHealthRoutes(typed, options);
	addLookRoutes(typed, options);
	addSessionRoutes(typed, options);
	addBackendRoutes(typed, options);
	addProcessRoutes(typed, options);
}
