import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { AdminClient, DEFAULT_ADMIN } from './client.ts';

/** What every command that asks a running balancer may be told. */
export interface AdminOptions {
	readonly admin: string;
	readonly token?: string;
	readonly ca?: string;
	readonly json?: boolean;
}

export const ADMIN_HELP = `
The balancer is asked by its admin API (key \`admin\` of its configuration). A unix socket needs no token; loopback may
read without one. A token is sent to other machines by https:// alone.
SLUICE_ADMIN and SLUICE_TOKEN in the environment stand for --admin and --token env:SLUICE_TOKEN.`;

/** Adds the options that say which balancer is meant. */
export function askingCommand(program: Command, nameAndArguments: string, description: string): Command {
	return addAdminOptions(program.command(nameAndArguments).description(description)).option('--json', 'print JSON');
}

/** How to find and be let in by a running balancer. */
export function addAdminOptions(command: Command): Command {
	return command
		.option(
			'--admin <address>',
			'HOST:PORT, https://HOST:PORT or unix:/PATH',
			process.env.SLUICE_ADMIN ?? DEFAULT_ADMIN,
		)
		.option('--token <where>', 'env:NAME or file:PATH')
		.option('--ca <file>', "the CA of the server's certificate, PEM");
}

export function clientOf({ admin, token, ca }: AdminOptions): AdminClient {
	const known = process.env.SLUICE_TOKEN === undefined ? null : 'env:SLUICE_TOKEN';
	return new AdminClient({ admin, token: token ?? known, ca: ca ?? null });
}

export const backendPath = (pool: string, backend: string, rest = ''): string =>
	`/pools/${encodeURIComponent(pool)}/backends/${encodeURIComponent(backend)}${rest}`;

/** Prints an answer: as JSON when asked to, else as these lines. */
export function print(terminal: Terminal, { json }: AdminOptions, answer: unknown, lines: readonly string[]): void {
	if (json === true) terminal.out(JSON.stringify(answer, null, 2));
	else for (const line of lines) terminal.out(line);
}
