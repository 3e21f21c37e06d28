import { App, type AppOptions } from '../../src/app.ts';
import type { AccessLine } from '../../src/control/access-line.ts';
import { parseConfigObject } from '../../src/control/config/load.ts';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import { Log } from '../../src/control/log.ts';
import type { LogEvent } from '../../src/core/record.ts';
import { startOnAnyPort } from './any-port.ts';

interface Teardown {
	teardown(end: () => Promise<void>): void;
}

/** What a balancer under test has told, and a way to wait for it. */
export class Heard {
	readonly events: LogEvent[] = [];
	readonly records: AccessLine[] = [];
	private waiting: (() => void)[] = [];

	readonly log = new Log(
		{
			output: null,
			onLog: (event) => this.note(() => this.events.push(event)),
			onRecord: (record) => this.note(() => this.records.push(record)),
		},
		'debug',
	);

	/** The first event with this message that `where` picks, now or later. */
	event(msg: string, where: (event: LogEvent) => boolean = () => true): Promise<LogEvent> {
		return this.until(() => this.events.find((event) => event.msg === msg && where(event)));
	}

	async until<T>(look: () => T | undefined): Promise<T> {
		for (;;) {
			const found = look();
			if (found !== undefined) return found;
			await new Promise<void>((resolve) => this.waiting.push(resolve));
		}
	}

	private note(add: () => void): void {
		add();
		const { waiting } = this;
		this.waiting = [];
		for (const wake of waiting) wake();
	}
}

export interface AppUnderTest {
	readonly app: App;
	readonly heard: Heard;
	/** Port of a listener's first address. */
	port(listener?: string): number;
	reload(config: ConfigInput): ReturnType<App['reload']>;
}

/** Starts an application that ends with the test. */
export async function startApp(
	t: Teardown,
	config: ConfigInput,
	options: Partial<AppOptions> = {},
): Promise<AppUnderTest> {
	const heard = new Heard();
	const app = await startOnAnyPort(() =>
		App.start(parseConfigObject(config), { log: heard.log, onFatal: () => {}, ...options }),
	);
	t.teardown(() => app.stop({ preStopMs: 0, drainMs: 0 }));
	return {
		app,
		heard,
		port: (listener) => {
			const found = app.addresses.find((entry) => listener === undefined || entry.listener === listener);
			return Number(found?.address.split(':').at(-1));
		},
		reload: (next) => app.reload(() => parseConfigObject(next)),
	};
}

/** Waits until `done`, by looking again and again: for what tells nobody when it changes. */
export async function eventually(done: () => boolean): Promise<void> {
	while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
}
