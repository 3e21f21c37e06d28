import { CommanderError } from 'commander';
import { EXIT, type ExitCode, SluiceError } from '../core/errors.ts';
import { buildProgram } from './program.ts';
import { processTerminal, type Terminal } from './terminal.ts';

/** Runs one command line (without node and script) and answers what to exit with. Never throws. */
export async function main(args: readonly string[], terminal: Terminal = processTerminal()): Promise<ExitCode> {
	let exitCode: ExitCode = EXIT.ok;
	const exitWith = (code: ExitCode): void => {
		exitCode = code;
	};
	try {
		await buildProgram({ terminal, exitWith }).parseAsync(args, { from: 'user' });
		return exitCode;
	} catch (error) {
		return report(error, terminal);
	}
}

/** Errors meant for the operator are told in their own words; only faults of ours show a stack. */
function report(error: unknown, terminal: Terminal): ExitCode {
	// Commander has written its message, help or version already.
	if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
	if (error instanceof SluiceError) {
		terminal.err(error.message);
		return error.exitCode;
	}
	terminal.err(`internal fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
	return EXIT.internal;
}
