import { App } from '../../src/app.ts';
import { superviseProcess } from '../../src/cli/process.ts';
import { loadConfigFile } from '../../src/control/config/load.ts';
import { LineOutput } from '../../src/control/line-output.ts';
import { Log } from '../../src/control/log.ts';

/** `sluice run -c FILE` where no name is ever answered. Tells on standard error that it has asked. */
const load = () => loadConfigFile(process.argv[2] ?? '');
const log = new Log({ output: new LineOutput(process.stdout), onLog: null, onRecord: null }, 'info');
const lookup = (): Promise<never> => {
	process.stderr.write('asked\n');
	return new Promise(() => {});
};
await superviseProcess({
	log,
	start: (onFatal, cancel) => App.start(load(), { log, onFatal, cancel, lookup }),
	load,
});
