import { App } from '../../src/app.ts';
import { superviseProcess } from '../../src/cli/process.ts';
import { loadConfigFile } from '../../src/control/config/load.ts';
import { LineOutput } from '../../src/control/line-output.ts';
import { Log } from '../../src/control/log.ts';

/** `sluice run -c FILE` with a fault: `throw`, `reject`, or `workers`, which kills them as fast as they come. */
const [file = '', fault] = process.argv.slice(2);
const load = () => loadConfigFile(file);
const log = new Log({ output: new LineOutput(process.stdout), onLog: null, onRecord: null }, 'info');

function killWorkers(app: App): void {
	setInterval(() => {
		for (const worker of app.workers) void worker.terminate();
	}, 10);
}

await superviseProcess({
	log,
	start: async (onFatal) => {
		const app = await App.start(load(), { log, onFatal });
		if (fault === 'workers') killWorkers(app);
		setTimeout(() => {
			if (fault === 'reject') void Promise.reject(new Error('planted rejection'));
			if (fault === 'throw') throw new Error('planted fault');
		}, 1);
		return app;
	},
	load,
});
