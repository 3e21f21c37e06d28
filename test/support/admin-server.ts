import type { Test } from 'tap';
import type { Operations } from '../../src/control/admin/operations.ts';
import { AdminServer, type AdminServerOptions } from '../../src/control/admin/server.ts';
import type { AdminTerms } from '../../src/control/admin/terms.ts';
import { asking } from './asking.ts';
import { fakeOperations } from './fake-operations.ts';

export const READ = 'read-token-0123456789';
export const WRITE = 'write-token-0123456789';
export const TOKENS: AdminTerms['tokens'] = [
	{ role: 'read', token: READ },
	{ role: 'write', token: WRITE },
];

/** An admin server on a free port of loopback, and a way to ask it; what it does goes to `asked`. */
export async function started(
	t: Test,
	terms: Partial<AdminTerms> = {},
	answers: Partial<Operations> = {},
	more: Partial<AdminServerOptions> = {},
) {
	const { asked, operations } = fakeOperations(answers);
	const warnings: string[] = [];
	const server = await AdminServer.open({
		terms: { bind: { type: 'tcp', host: '127.0.0.1', port: 0 }, tokens: [], tls: null, ...terms },
		operations,
		log: { warn: (msg, fields) => void warnings.push(`${msg} ${JSON.stringify(fields)}`) },
		version: '1.2.3',
		metrics: async () => ({ type: 'text/plain; version=0.0.4', text: 'sluice_up 1\n' }),
		...more,
	});
	t.teardown(() => server.close());
	const { ask, place } = asking(server.address, { secure: terms.tls != null });
	return { ask, asked, warnings, server, place };
}
