import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clean } from './clean-node.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LOOK_AGAIN_MS = 100;
const PATIENCE_MS = 15_000;
const execute = promisify(execFile);

interface Teardown {
	teardown(end: () => Promise<void>): void;
}

export interface ScreenSize {
	readonly columns: number;
	readonly rows: number;
}

let servers = 0;

/** A program on a terminal of its own: a tmux server with one pane. */
export class Screen {
	readonly #server: string;

	private constructor(server: string) {
		this.#server = server;
	}

	static async start(t: Teardown, size: ScreenSize, ...program: readonly string[]): Promise<Screen> {
		servers += 1;
		const screen = new Screen(`sluice-${process.pid}-${servers}`);
		t.teardown(() => screen.#tmux('kill-server').then(() => {}));
		const [command, args] = clean('tmux', '-L', screen.#server, '-u', '-f', '/dev/null');
		const place = ['new-session', '-d', '-x', String(size.columns), '-y', String(size.rows), '-c', ROOT];
		await execute(command, [...args, ...place, ...program], { env: { ...process.env, TERM: 'xterm-256color' } });
		return screen;
	}

	/** The lines that are seen now; `colours`: with the escape sequences of their looks. */
	async text(colours = false): Promise<string> {
		return (await this.#tmux('capture-pane', '-p', ...(colours ? ['-e'] : []))).stdout;
	}

	/** By tmux's names for keys. */
	async press(...keys: readonly string[]): Promise<void> {
		await this.#tmux('send-keys', ...keys);
	}

	/** Writes to the terminal as if the program had. */
	async spoil(text: string): Promise<void> {
		const { stdout } = await this.#tmux('display-message', '-p', '#{pane_tty}');
		await writeFile(stdout.trim(), text);
	}

	async resize({ columns, rows }: ScreenSize): Promise<void> {
		await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
	}

	/** What is seen as soon as all of these are; fails with what is seen instead. */
	async until(...wanted: readonly RegExp[]): Promise<string> {
		const untilMs = performance.now() + PATIENCE_MS;
		for (;;) {
			const text = await this.text();
			const missing = wanted.find((pattern) => !pattern.test(text));
			if (missing === undefined) return text;
			if (performance.now() > untilMs) throw new Error(`no ${missing} on the screen:\n${text}`);
			await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
		}
	}

	#tmux(...args: readonly string[]): Promise<{ stdout: string }> {
		return execute('tmux', ['-L', this.#server, ...args]).catch((error) => {
			// The program and its terminal may be over.
			if (args[0] === 'kill-server') return { stdout: '' };
			throw error;
		});
	}
}
