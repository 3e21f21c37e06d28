import { App, type Reloaded } from './app.ts';
import type { AccessLine } from './control/access-line.ts';
import type { ListeningAddress } from './control/addresses.ts';
import { parseConfigObject } from './control/config/load.ts';
import type { ConfigInput } from './control/config/schema.ts';
import { Log } from './control/log.ts';
import type { LogEvent } from './core/record.ts';

export type { Reloaded } from './app.ts';
export type { AccessLine } from './control/access-line.ts';
export type { ListeningAddress } from './control/addresses.ts';
export type { ConfigDiff, NameChanges } from './control/config/diff.ts';
export type { ConfigInput } from './control/config/schema.ts';
export { ConfigError, type ConfigProblem, SluiceError } from './core/errors.ts';
export type { Outcome } from './core/outcome.ts';
export type { LogEvent, LogLevel } from './core/record.ts';

export interface SluiceOptions {
	/** Hears of every session that ended, as `log.access` allows. Called on the main thread; must not throw. */
	readonly onRecord?: (record: AccessLine) => void;
	/** Hears of log events of `log.level` and above. Called on the main thread; must not throw. */
	readonly onLog?: (event: LogEvent) => void;
	/** Relative paths in the configuration start here; at first the working directory. */
	readonly folder?: string;
}

/** A running balancer. */
export interface Sluice extends AsyncDisposable {
	/** Every address that is listened on, with its real port, in the configuration's order. */
	readonly addresses: readonly ListeningAddress[];
	/**
	 * Puts another configuration in force. All or nothing.
	 * @throws ConfigError when it is not valid, SluiceError when it needs a restart or an address cannot be bound.
	 */
	reload(config: ConfigInput): Promise<Reloaded>;
	/**
	 * Stops accepting, lets sessions go on for `drainMs` (absent: the configuration's `drain`), closes the rest.
	 * `await using` closes with 0.
	 */
	close(options?: { readonly drainMs?: number }): Promise<void>;
}

/**
 * Starts a balancer from a configuration as it would be written in a file. It installs no signal handlers,
 * writes nothing to standard output and never ends the process. When its workers keep dying, so that
 * replacing them does not help, it says so by `onLog` and closes itself.
 * @throws ConfigError when the configuration is not valid; SluiceError when it cannot start.
 */
export async function createSluice(config: ConfigInput, options: SluiceOptions = {}): Promise<Sluice> {
	const where = options.folder === undefined ? {} : { folder: options.folder };
	const parsed = parseConfigObject(config, where);
	const log = new Log(
		{ output: null, onLog: options.onLog ?? null, onRecord: options.onRecord ?? null },
		parsed.log.level,
	);
	const onFatal = (): void => void app.stop({ preStopMs: 0, drainMs: 0 });
	const app: App = await App.start(parsed, { log, onFatal });
	const close = (drainMs: number | undefined): Promise<void> =>
		app.stop(drainMs === undefined ? { preStopMs: 0 } : { preStopMs: 0, drainMs });
	return {
		get addresses() {
			return app.addresses;
		},
		reload: async (next) => {
			const checked = parseConfigObject(next, where);
			return app.reload(() => checked);
		},
		close: ({ drainMs } = {}) => close(drainMs),
		[Symbol.asyncDispose]: () => close(0),
	};
}
