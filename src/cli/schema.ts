import type { Command } from 'commander';
import { configJsonSchema } from '../control/config/json-schema.ts';
import type { CommandContext } from './terminal.ts';

export function addSchema(program: Command, { terminal }: CommandContext): void {
	program
		.command('schema')
		.description('Print the JSON Schema of the configuration file, for editors.')
		.addHelpText('after', '\nExample:\n  sluice schema > sluice.schema.json')
		.action(() => terminal.out(JSON.stringify(configJsonSchema(), null, 2)));
}
