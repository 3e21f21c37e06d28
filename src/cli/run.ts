import type { Command } from 'commander';
import { App } from '../app.ts';
import { loadConfigFile } from '../control/config/load.ts';
import { Log } from '../control/log.ts';
import { stampOf } from '../control/regular-file.ts';
import { superviseProcess } from './process.ts';
import { type CommandContext, lastingOutput } from './terminal.ts';

const AFTER = `
Example:
  sluice run -c sluice.yaml

Signals: SIGHUP reads the file again, SIGTERM and SIGINT drain and stop, a second one closes at once.`;

export function addRun(program: Command, _context: CommandContext): void {
	program
		.command('run')
		.description('Serve by a configuration file. Logs are JSON lines on standard output.')
		.requiredOption('-c, --config <file>', 'the configuration file, YAML or JSON')
		.addHelpText('after', AFTER)
		.action(async ({ config: file }: { config: string }) => {
			const stamp = await stampOf(file);
			const config = loadConfigFile(file);
			const log = new Log({ output: lastingOutput(), onLog: null, onRecord: null }, config.log.level);
			await superviseProcess({
				log,
				start: (onFatal, cancel) =>
					App.start(config, { log, onFatal, cancel, file: { path: file, stamp }, load: () => loadConfigFile(file) }),
				load: () => loadConfigFile(file),
			});
		});
}
