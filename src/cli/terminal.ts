import { fstatSync } from 'node:fs';
import { LineOutput } from '../control/line-output.ts';
import type { ExitCode } from '../core/errors.ts';

/** Where a command writes: results to `out`, complaints to `err`. Lines without their line break. */
export interface Terminal {
	out(line: string): void;
	err(line: string): void;
}

/** What every command gets: where to write, and how to say what the process exits with. */
export interface CommandContext {
	readonly terminal: Terminal;
	exitWith(code: ExitCode): void;
}

/** The process's own streams. A reader that left early (`sluice schema | head -1`) is no fault. */
export function processTerminal(): Terminal {
	for (const stream of [process.stdout, process.stderr]) stream.on('error', fault);
	return {
		out: (line) => process.stdout.write(`${line}\n`),
		err: (line) => process.stderr.write(`${line}\n`),
	};
}

function fault(error: NodeJS.ErrnoException): void {
	if (error.code !== 'EPIPE') throw error;
}

/**
 * Standard output for a command that serves on: from now on nothing that happens to the process's streams, a full
 * disk among it, is a fault of the process.
 */
export function lastingOutput(): LineOutput {
	for (const stream of [process.stdout, process.stderr]) stream.off('error', fault);
	// What standard error does not take is lost.
	process.stderr.on('error', () => {});
	return new LineOutput(process.stdout, Date.now, !fstatSync(process.stdout.fd).isFile());
}

/** Rows as columns of one width each, two spaces apart. */
export function columns(rows: readonly (readonly string[])[]): string[] {
	const widths: number[] = [];
	for (const row of rows) {
		row.forEach((cell, at) => {
			widths[at] = Math.max(widths[at] ?? 0, cell.length);
		});
	}
	return rows.map((row) =>
		row
			.map((cell, at) => cell.padEnd(widths[at] ?? 0))
			.join('  ')
			.trimEnd(),
	);
}
