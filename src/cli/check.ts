import type { Command } from 'commander';
import { loadConfigFile } from '../control/config/load.ts';
import { summarize } from '../control/config/summarize.ts';
import type { CommandContext } from './terminal.ts';

export function addCheck(program: Command, { terminal }: CommandContext): void {
	program
		.command('check')
		.description('Read a configuration file and tell every fault in it, one per line.')
		.requiredOption('-c, --config <file>', 'the configuration file, YAML or JSON')
		.addHelpText(
			'after',
			'\nExample:\n  sluice check -c sluice.yaml\n\nExits with 0 when the file is good, else with 1.',
		)
		.action(({ config }: { config: string }) => terminal.out(`ok: ${summarize(loadConfigFile(config))}`));
}
