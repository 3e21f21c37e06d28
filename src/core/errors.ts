/** Process exit codes; `2` never hides behind a fallback, `70` is EX_SOFTWARE of sysexits.h. */
export const EXIT = { ok: 0, usage: 1, cannotStart: 2, internal: 70 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * An error meant for the operator. The message says what was asked, what went wrong and what to do;
 * it is printed without a stack. `exitCode` is what a command that meets it exits with.
 */
export class SluiceError extends Error {
	readonly code: string;
	readonly exitCode: ExitCode;

	constructor(code: string, message: string, options: { exitCode?: ExitCode; cause?: unknown } = {}) {
		super(message, options.cause === undefined ? undefined : { cause: options.cause });
		this.name = 'SluiceError';
		this.code = code;
		this.exitCode = options.exitCode ?? EXIT.usage;
	}
}

/** One fault in a configuration file; `line` and `column` count from 1, both 0 when there is no file. */
export interface ConfigProblem {
	readonly file: string;
	readonly line: number;
	readonly column: number;
	/** Where in the tree, e.g. `listeners[0].bind`. */
	readonly path: string;
	readonly message: string;
}

/** All faults of one configuration at once; the message is one line each: `FILE:LINE:COLUMN: path: what is wrong`. */
export class ConfigError extends SluiceError {
	readonly problems: readonly ConfigProblem[];

	constructor(problems: readonly ConfigProblem[]) {
		super('config-invalid', problems.map(formatProblem).join('\n'));
		this.name = 'ConfigError';
		this.problems = problems;
	}
}

function formatProblem(p: ConfigProblem): string {
	const where = p.line > 0 ? `${p.file}:${p.line}:${p.column}: ` : `${p.file}: `;
	return p.path === '' ? `${where}${p.message}` : `${where}${p.path}: ${p.message}`;
}

/** The text of anything thrown, for logs. */
export const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error));
