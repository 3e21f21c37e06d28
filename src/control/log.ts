import { type Logger, pino } from 'pino';
import { errorText } from '../core/errors.ts';
import { type AccessRecord, LOG_LEVELS, type LogEvent, type LogLevel } from '../core/record.ts';
import { type AccessLine, accessLine } from './access-line.ts';
import { AccessText } from './access-text.ts';
import type { LineOutput } from './line-output.ts';

export type LogFields = LogEvent['fields'];

/** Where log events and access records go; JSON lines, callbacks, both or neither. */
export interface LogTargets {
	readonly output: LineOutput | null;
	readonly onLog: ((event: LogEvent) => void) | null;
	readonly onRecord: ((record: AccessLine) => void) | null;
}

/**
 * Formats what the process has to tell. The level filters log events only, and of them not what operators have
 * changed; which sessions get an access record is `log.access`, decided where the session ends.
 */
export class Log {
	private readonly targets: LogTargets;
	private readonly events: Logger | null;
	private readonly records: Logger | null;
	private readonly orders: Logger | null;
	private readonly accessText = new AccessText();
	/** The record at hand as members of its line. */
	private members = '';
	private level: LogLevel;
	private watcher: ((event: LogEvent) => void) | null = null;

	constructor(targets: LogTargets, level: LogLevel) {
		this.targets = targets;
		this.level = level;
		const { output } = targets;
		const sink = output === null ? null : { write: (line: string) => output.write(line) };
		const formatters = { level: (label: string) => ({ level: label }) };
		this.events = sink && pino({ base: null, level, formatters, timestamp: pino.stdTimeFunctions.isoTime }, sink);
		this.orders =
			sink && pino({ base: null, level: 'info', formatters, timestamp: pino.stdTimeFunctions.isoTime }, sink);
		// A record carries the time at which its session ended. pino takes such a time as text of JSON, and with it the
		// other members: written by pino, one by one, they would be most of what logging costs.
		this.records = sink && pino({ base: null, level: 'info', formatters, timestamp: () => this.members }, sink);
	}

	setLevel(level: LogLevel): void {
		this.level = level;
		if (this.events !== null) this.events.level = level;
	}

	get currentLevel(): LogLevel {
		return this.level;
	}

	/** The output's reader is behind. */
	get blocked(): boolean {
		return this.targets.output?.blocked ?? false;
	}

	/** The output cannot be written now; it is tried again. */
	get failing(): boolean {
		return this.targets.output?.failing ?? false;
	}

	/** Lines that the output dropped since the last call. */
	takeLost(): number {
		return this.targets.output?.takeLost() ?? 0;
	}

	/** Also hears of every event, whatever the level. */
	watch(hear: (event: LogEvent) => void): void {
		this.watcher = hear;
	}

	event(event: LogEvent): void {
		this.watcher?.(event);
		this.events?.[event.level](event.fields, event.msg);
		if (LOG_LEVELS.indexOf(event.level) >= LOG_LEVELS.indexOf(this.level)) this.targets.onLog?.(event);
	}

	/** What somebody had changed, and who: told whatever the level. */
	audit(msg: string, fields: LogFields): void {
		const event: LogEvent = { level: 'info', msg, fields };
		this.watcher?.(event);
		this.orders?.info(fields, msg);
		this.targets.onLog?.(event);
	}

	access(record: AccessRecord): void {
		if (this.records !== null) {
			this.members = this.accessText.of(record);
			this.records.info('session');
		}
		this.targets.onRecord?.(accessLine(record));
	}

	/** Lines that are told meanwhile go out in one piece. */
	together<T>(tell: () => T): T {
		const { output } = this.targets;
		return output === null ? tell() : output.together(tell);
	}

	debug(msg: string, fields: LogFields = {}): void {
		this.event({ level: 'debug', msg, fields });
	}

	info(msg: string, fields: LogFields = {}): void {
		this.event({ level: 'info', msg, fields });
	}

	warn(msg: string, fields: LogFields = {}): void {
		this.event({ level: 'warn', msg, fields });
	}

	error(msg: string, fields: LogFields = {}): void {
		this.event({ level: 'error', msg, fields });
	}

	async flush(withinMs: number): Promise<void> {
		await this.targets.output?.flush(withinMs);
	}
}

/** A refused reload: one line for each of its reasons. */
export function tellRefused(log: Pick<Log, 'error'>, error: unknown): void {
	for (const reason of errorText(error).split('\n')) log.error('reload refused', { reason });
}
