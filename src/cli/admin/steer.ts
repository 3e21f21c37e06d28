import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import * as z from 'zod';
import { type DiffView, diffView, reloadView } from '../../control/admin/views.ts';
import { fileFault } from '../../control/file-faults.ts';
import { SluiceError } from '../../core/errors.ts';
import type { CommandContext } from '../terminal.ts';
import { ADMIN_HELP, type AdminOptions, askingCommand, backendPath, clientOf, print } from './options.ts';

const done = z.object({ ok: z.literal(true) });

function numberFrom(least: number, most: number): (text: string) => number {
	return (text) => {
		const value = Number(text);
		if (text.trim() !== '' && value >= least && value <= most) return value;
		throw new InvalidArgumentError(`It is not a number from ${least} to ${most}.`);
	};
}

function wholeNumberFrom(least: number, most: number): (text: string) => number {
	const parse = numberFrom(least, most);
	return (text) => {
		const value = parse(text);
		if (Number.isInteger(value)) return value;
		throw new InvalidArgumentError('It is not a whole number.');
	};
}

interface DrainOptions extends AdminOptions {
	readonly closePerSecond?: number;
}

interface AddOptions extends AdminOptions {
	readonly name?: string;
	readonly weight?: number;
	readonly maxConnections?: number;
	readonly backup?: boolean;
}

/** `sluice drain`, `enable`, `disable`, `weight`, `add`, `remove`, `kill`, `reload`, `diff`. */
export function addSteerCommands(program: Command, { terminal }: CommandContext): void {
	const tell = (options: AdminOptions, answer: unknown, line: string): void => print(terminal, options, answer, [line]);

	askingCommand(program, 'drain <pool> <backend>', 'Give a backend no new sessions, and end those it has.')
		.option(
			'--close-per-second <count>',
			'close so many a second; without it they may go on for `drain`',
			numberFrom(0.001, 100_000),
		)
		.addHelpText('after', `\nExample:\n  sluice drain eu eu-1 --close-per-second 20\n${ADMIN_HELP}`)
		.action(async (pool: string, backend: string, options: DrainOptions) => {
			const { closePerSecond } = options;
			const order = closePerSecond === undefined ? {} : { closePerSecond };
			tell(
				options,
				await clientOf(options).send('POST', backendPath(pool, backend, '/drain'), order, done),
				`${pool}/${backend} drains`,
			);
		});

	for (const [order, description, said] of [
		['enable', 'Give a backend new sessions again.', 'is enabled'],
		['disable', 'Give a backend no new sessions; those it has go on.', 'is disabled'],
	] as const) {
		askingCommand(program, `${order} <pool> <backend>`, description)
			.addHelpText('after', `\nExample:\n  sluice ${order} eu eu-1\n${ADMIN_HELP}`)
			.action(async (pool: string, backend: string, options: AdminOptions) => {
				const answer = await clientOf(options).send('POST', backendPath(pool, backend, `/${order}`), {}, done);
				tell(options, answer, `${pool}/${backend} ${said}`);
			});
	}

	askingCommand(program, 'weight <pool> <backend>', "Set a backend's weight.")
		.argument('<weight>', '0 to 256; 0 takes no new sessions', wholeNumberFrom(0, 256))
		.addHelpText('after', `\nExample:\n  sluice weight eu eu-1 5\n${ADMIN_HELP}`)
		.action(async (pool: string, backend: string, weight: number, options: AdminOptions) => {
			const answer = await clientOf(options).send('PUT', backendPath(pool, backend, '/weight'), { weight }, done);
			tell(options, answer, `${pool}/${backend} has weight ${weight}`);
		});

	askingCommand(program, 'add <pool> <address>', 'Add a backend to a pool.')
		.option('--name <name>', 'what it is called; without it, its address')
		.option('--weight <weight>', '0 to 256', wholeNumberFrom(0, 256))
		.option('--max-connections <count>', 'its cap', wholeNumberFrom(1, 100_000_000))
		.option('--backup', 'use it only while no other can take a session')
		.addHelpText('after', `\nExample:\n  sluice add eu 10.1.0.9:7000 --name eu-9\n${ADMIN_HELP}`)
		.action(async (pool: string, address: string, options: AddOptions) => {
			const { name, weight, maxConnections, backup } = options;
			const addition = { address, name, weight, maxConnections, backup };
			const answer = await clientOf(options).send(
				'POST',
				`/pools/${encodeURIComponent(pool)}/backends`,
				addition,
				done,
			);
			tell(options, answer, `${pool}/${name ?? address} is added`);
		});

	askingCommand(program, 'remove <pool> <backend>', 'Remove a backend from a pool; its sessions drain.')
		.addHelpText('after', `\nExample:\n  sluice remove eu eu-9\n${ADMIN_HELP}`)
		.action(async (pool: string, backend: string, options: AdminOptions) => {
			const answer = await clientOf(options).send('DELETE', backendPath(pool, backend), {}, done);
			tell(options, answer, `${pool}/${backend} is removed`);
		});

	askingCommand(program, 'kill <session>', 'End a session now; `sluice sessions` has their ids.')
		.addHelpText('after', `\nExample:\n  sluice kill 0-1234\n${ADMIN_HELP}`)
		.action(async (id: string, options: AdminOptions) => {
			const answer = await clientOf(options).send('DELETE', `/sessions/${encodeURIComponent(id)}`, {}, done);
			tell(options, answer, `session ${id} is ended`);
		});

	askingCommand(program, 'reload', 'Have a running balancer read its configuration file again.')
		.addHelpText(
			'after',
			`\nSays what was added (+), removed (-) and changed (~), and what could not be done yet (not yet:).\n\nExample:\n  sluice reload\n${ADMIN_HELP}`,
		)
		.action(async (options: AdminOptions) => {
			const reloaded = await clientOf(options).send('POST', '/reload', {}, reloadView);
			print(terminal, options, reloaded, [`reloaded: ${reloaded.summary}`]);
			for (const warning of reloaded.warnings) terminal.err(`not yet: ${warning}`);
		});

	askingCommand(program, 'diff <file>', 'Tell what a reload with this file would change.')
		.addHelpText('after', `\nExample:\n  sluice diff sluice.yaml.new\n${ADMIN_HELP}`)
		.action(async (file: string, options: AdminOptions) => {
			const configuration = readCandidate(file);
			const asked = clientOf(options).send('POST', '/diff', { configuration }, diffView);
			const diff = await asked.catch((error) => Promise.reject(inFile(error, file)));
			print(terminal, options, diff, diffText(diff));
		});
}

function readCandidate(file: string): string {
	try {
		return readFileSync(file, 'utf8');
	} catch (error) {
		throw new SluiceError('file-unreadable', `${file}: cannot be read: ${fileFault(error)}`);
	}
}

/** The balancer knows the text alone, not what its file is called here. */
function inFile(error: unknown, file: string): unknown {
	if (!(error instanceof SluiceError)) return error;
	const { code, message, exitCode } = error;
	return new SluiceError(
		code,
		message.replaceAll(/\bcandidate:(?=\d+:\d+: )/g, () => `${file}:`),
		{ exitCode },
	);
}

function diffText(diff: DiffView): string[] {
	const kinds = ['listeners', 'pools', 'backends', 'regions'] as const;
	const lines = kinds.flatMap((kind) => {
		const { added, removed, changed } = diff[kind];
		return [
			...added.map((name) => `+ ${kind} ${name}`),
			...removed.map((name) => `- ${kind} ${name}`),
			...changed.map((name) => `~ ${kind} ${name}`),
		];
	});
	const settings = diff.settings.map((key) => `~ ${key}`);
	const restart = diff.restart.map((key) => `! ${key}: needs a restart, a reload would be refused`);
	const all = [...lines, ...settings, ...restart];
	return all.length === 0 ? ['no changes'] : all;
}
