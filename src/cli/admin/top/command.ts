import type { Command } from 'commander';
import type { CommandContext } from '../../terminal.ts';
import { ADMIN_HELP, type AdminOptions, askingCommand, clientOf, print } from '../options.ts';
import { headerLines, tableLines, textOf } from './frame.ts';
import { look, type Seen, VIEWS } from './look.ts';
import { tableOf } from './tables.ts';
import { follow, NO_TRACK } from './track.ts';

const AFTER = `
Keys: tab to the next view (backends, clients, sessions), arrows or j and k to move, s to sort otherwise, f to filter,
d to drain and e to enable the selected backend, K to end the selected session, q to quit. Alerts that fire or are
about to are named above. A narrow terminal has fewer columns. Without a terminal, or with --json, it prints what it
sees once.

Example:
  sluice top --admin unix:/run/sluice.sock
${ADMIN_HELP}`;

/** `sluice top`. */
export function addTop(program: Command, { terminal }: CommandContext): void {
	askingCommand(program, 'top', 'Watch a running balancer, and steer it.')
		.addHelpText('after', AFTER)
		.action(async (options: AdminOptions) => {
			const client = clientOf(options);
			const watched = options.json !== true && process.stdin.isTTY && process.stdout.isTTY;
			const seen = await look(client, watched ? ['backends'] : VIEWS);
			if (!watched) return print(terminal, options, seen, onceText(seen));
			preferScreen(process.env);
			const { watch } = await import('./screen.ts');
			await watch(client, seen);
		});
}

/** Faster to load, and drawn in colours even where CI is set: here is a terminal, so somebody looks. */
function preferScreen(env: NodeJS.ProcessEnv): void {
	env.NODE_ENV ??= 'production';
	for (const name of Object.keys(env)) if (/^(CI|CI_.*|CONTINUOUS_INTEGRATION)$/.test(name)) delete env[name];
}

function onceText(seen: Seen): string[] {
	const size = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };
	const header = headerLines(seen, follow(NO_TRACK, seen.status, 0), null, size);
	const tables = VIEWS.map((view) => tableLines(tableOf(view, seen, 0, '')));
	return [header, ...tables].flatMap((lines, at) => [...(at === 0 ? [] : ['']), ...lines.map(textOf)]);
}
