import { type Argument, Command } from 'commander';
import { packageVersion } from '../control/version.ts';
import { addLookCommands } from './admin/look.ts';
import { addSteerCommands } from './admin/steer.ts';
import { addTop } from './admin/top/command.ts';
import { addCert } from './cert.ts';
import { addCheck } from './check.ts';
import { addDemo } from './demo.ts';
import { addExplain } from './explain.ts';
import { addGeo } from './geo.ts';
import { addRun } from './run.ts';
import { addSchema } from './schema.ts';
import type { CommandContext } from './terminal.ts';

const EXAMPLES = `
Examples:
  sluice demo                          three backends and a balancer in front, to try at once
  sluice check -c sluice.yaml          is this configuration good?
  sluice run -c sluice.yaml            serve; SIGHUP reloads, SIGTERM drains and stops
  sluice cert localhost                a certificate to try TLS with
  sluice explain -c sluice.yaml --listener game --ip 198.51.100.7

Exit codes: 0 done, 1 bad usage or configuration, 2 could not start, 70 internal fault.`;

function argumentTerm(argument: Argument): string {
	const name = argument.variadic ? `${argument.name()}...` : argument.name();
	return argument.required ? `<${name}>` : `[${name}]`;
}

/** The whole command line, one file per command. */
export function buildProgram(context: CommandContext): Command {
	const program = new Command('sluice')
		.description('L4 (TCP) load balancer with geographic routing and exact connection caps.')
		.version(packageVersion(), '-V, --version', 'print the version')
		.helpOption('-h, --help', 'show this help')
		.helpCommand('help [command]', 'show help for a command')
		.addHelpText('after', EXAMPLES)
		.configureHelp({
			// Every command has options; what it takes besides says more.
			subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' '),
		})
		.showSuggestionAfterError()
		.exitOverride()
		.configureOutput({
			writeOut: (text) => context.terminal.out(text.trimEnd()),
			writeErr: (text) => context.terminal.err(text.trimEnd()),
		});
	for (const add of [
		addRun,
		addCheck,
		addExplain,
		addGeo,
		addCert,
		addSchema,
		addDemo,
		addLookCommands,
		addSteerCommands,
		addTop,
	])
		add(program, context);
	return program;
}
