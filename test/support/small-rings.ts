import { App } from '../../src/app.ts';
import { superviseProcess } from '../../src/cli/process.ts';
import { loadConfigFile } from '../../src/control/config/load.ts';
import { LineOutput } from '../../src/control/line-output.ts';
import { Log } from '../../src/control/log.ts';

/** `sluice run -c FILE` with the smallest record rings, which fill soon. Tells its ports on standard error. */
const load = () => loadConfigFile(process.argv[2] ?? '');
const config = load();
const log = new Log({ output: new LineOutput(process.stdout), onLog: null, onRecord: null }, config.log.level);
await superviseProcess({
	log,
	start: async (onFatal) => {
		const app = await App.start(config, { log, onFatal, ringBytes: 1 << 16 });
		process.stderr.write(`ports ${app.addresses.map(({ address }) => address.split(':').at(-1)).join(' ')}\n`);
		return app;
	},
	load,
});
