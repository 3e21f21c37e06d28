import type { Command } from 'commander';
import { readAdminTerms } from '../control/admin/read-terms.ts';
import { readAlertTerms } from '../control/alerts/read-terms.ts';
import { loadConfigFile } from '../control/config/load.ts';
import { summarize } from '../control/config/summarize.ts';
import { together } from '../control/config/together.ts';
import { capFault, nofileLimit } from '../control/descriptors.ts';
import { readGeoSource } from '../control/geo/source.ts';
import { readTlsFiles } from '../control/tls/files.ts';
import { remarkTexts } from '../control/tls/remarks.ts';
import { pipeBudget } from '../native.ts';
import type { CommandContext } from './terminal.ts';

export function addCheck(program: Command, { terminal }: CommandContext): void {
	program
		.command('check')
		.summary('Tell every fault of a configuration file and of the files it names.')
		.description(
			'Read a configuration file and tell every fault in it, one per line; the files that it names are read, too.',
		)
		.requiredOption('-c, --config <file>', 'the configuration file, YAML or JSON')
		.addHelpText(
			'after',
			'\nExample:\n  sluice check -c sluice.yaml\n\nExits with 0 when the file is good, else with 1.',
		)
		.action(async ({ config: file }: { config: string }) => {
			const config = loadConfigFile(file);
			const [tls] = await together(
				readTlsFiles(config),
				readGeoSource(config),
				readAdminTerms(config),
				readAlertTerms(config),
			);
			const nofile = nofileLimit();
			const fault = capFault(config.limits.maxConnections, nofile, config.engine === 'node' ? 0 : pipeBudget(nofile));
			if (fault !== null) terminal.err(`warning: ${fault}`);
			for (const remark of remarkTexts(config, tls, Date.now())) terminal.err(`warning: ${remark}`);
			terminal.out(`ok: ${summarize(config)}`);
		});
}
