import type { App } from '../app.ts';
import type { Config } from '../control/config/schema.ts';
import { type Log, tellRefused } from '../control/log.ts';
import { EXIT, type ExitCode, errorText } from '../core/errors.ts';

/** How long the last lines of a failing process may take to be written. */
const LAST_WORDS_MS = 1_000;

export interface Supervised {
	readonly log: Log;
	/** `cancel` is aborted by a signal that comes before it has started. */
	start(onFatal: (reason: string) => void, cancel: AbortSignal): Promise<App>;
	/** Reads the configuration again, for SIGHUP. */
	load(): Config;
}

/**
 * Runs one balancer as the whole process: signals, faults, exit. Ends the process by itself when it has
 * stopped, since a reader of standard output that is stuck would keep it alive; rejects when it cannot start.
 */
export async function superviseProcess({ log, start, load }: Supervised): Promise<never> {
	exitOnFaults(log);
	keepInspectorShut();
	const started = Promise.withResolvers<App>();
	const cancel = new AbortController();
	const stopped = endOnSignals(started.promise, cancel);
	reloadOnSighup(log, started.promise, load);
	const onFatal = (reason: string): void => void exitWith(log, EXIT.internal, 'fatal', reason);
	try {
		started.resolve(await start(onFatal, cancel.signal));
	} catch (error) {
		if (!cancel.signal.aborted) throw error;
		log.info('stopped before it had started');
		await log.flush(LAST_WORDS_MS);
		return process.exit(EXIT.ok);
	}
	await stopped;
	return process.exit(EXIT.ok);
}

/** Resolves when the balancer has stopped in good order after a first signal; a second one hurries it. */
function endOnSignals(started: Promise<App>, cancel: AbortController): Promise<void> {
	const { promise, resolve, reject } = Promise.withResolvers<void>();
	let signals = 0;
	const onSignal = (): void => {
		signals += 1;
		// Nothing hears of it once it has started.
		cancel.abort();
		if (signals > 1) void started.then((app) => app.hurry());
		else started.then((app) => app.stop()).then(resolve, reject);
	};
	process.on('SIGTERM', onSignal);
	process.on('SIGINT', onSignal);
	return promise;
}

/**
 * The file is read at once, so that what is wrong with it is told whatever the reload has to wait for. Of several that
 * wait for their turn the newest stands for all.
 */
function reloadOnSighup(log: Log, started: Promise<App>, load: () => Config): void {
	let newest: Config | null = null;
	const hear = (app: App): void => {
		const waits = newest !== null;
		const read = load();
		newest = read;
		if (waits) return;
		const take = (): Config => {
			const taken = newest ?? read;
			newest = null;
			return taken;
		};
		// Why it was refused is in the log.
		app.reload(take).catch(() => {});
	};
	process.on('SIGHUP', () => {
		started.then(hear).catch((error) => tellRefused(log, error));
	});
}

/**
 * Node answers SIGUSR1 by opening its inspector on 127.0.0.1, where any local user may attach and run what they
 * like as this process; a handler of our own takes the signal away from it.
 */
function keepInspectorShut(): void {
	process.on('SIGUSR1', () => {});
}

function exitOnFaults(log: Log): void {
	const fault = (error: unknown): void => {
		const text = error instanceof Error ? (error.stack ?? error.message) : errorText(error);
		void exitWith(log, EXIT.internal, 'internal fault', text);
	};
	process.on('uncaughtException', fault);
	process.on('unhandledRejection', fault);
}

let exiting = false;

/** Tells why and ends the process, once: a fault on the way out must not begin another way out. */
async function exitWith(log: Log, code: ExitCode, msg: string, reason: string): Promise<void> {
	if (exiting) return;
	exiting = true;
	try {
		log.error(msg, { reason });
		await log.flush(LAST_WORDS_MS);
	} finally {
		process.exit(code);
	}
}
