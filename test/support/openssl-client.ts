import { type ChildProcess, spawn } from 'node:child_process';
import type { Teardown } from './echo.ts';

/** What clients send to an echo. s_client may write what comes back into the middle of a line of its own. */
export const WORD = 'sent-to-the-echo';

/** `openssl s_client` in a process of its own. */
export class OpensslClient {
	/** All that it has printed: its report of the connection, and what the server sent. */
	said = '';
	/** Its exit code, once it has one. */
	readonly ended: Promise<number | null>;
	readonly #child: ChildProcess;
	#over = false;
	#wake: (() => void)[] = [];

	/** Its standard input stays open: it would leave at the end of it. */
	constructor(t: Teardown, address: string, args: readonly string[] = []) {
		const child = spawn('openssl', ['s_client', '-connect', address, ...args], { stdio: 'pipe' });
		this.#child = child;
		t.teardown(() => void child.kill('SIGKILL'));
		child.stdin.on('error', () => {});
		for (const stream of [child.stdout, child.stderr]) {
			stream.setEncoding('latin1').on('data', (text: string) => {
				this.said += text;
				this.#tell();
			});
		}
		this.ended = new Promise((resolve, reject) => {
			child.once('error', reject).once('close', (code) => {
				this.#over = true;
				this.#tell();
				resolve(code);
			});
		});
	}

	send(text: string): void {
		this.#child.stdin?.write(text);
	}

	/** What it has printed, once this is in it. */
	async heard(pattern: RegExp): Promise<string> {
		while (!pattern.test(this.said)) {
			if (this.#over) throw new Error(`openssl s_client ended without ${pattern}:\n${this.said}`);
			await new Promise<void>((resolve) => this.#wake.push(resolve));
		}
		return this.said;
	}

	/** Is answered by an echo, and leaves. */
	async visit(): Promise<string> {
		this.send(`${WORD}\n`);
		await this.heard(new RegExp(WORD));
		return this.leave();
	}

	/** The end of its input: it closes the connection, and ends. */
	async leave(): Promise<string> {
		this.#child.stdin?.end();
		await this.ended;
		return this.said;
	}

	#tell(): void {
		const waiting = this.#wake;
		this.#wake = [];
		for (const wake of waiting) wake();
	}
}
