import type { Socket } from 'node:net';
import type { ScriptStep } from '../../core/snapshot.ts';
import { failureReason } from '../../core/tls-failure.ts';
import { type Attempt, bad, type ProbeFault } from './attempt.ts';
import { nextBytes } from './next-bytes.ts';
import { open } from './secure.ts';
import { showBytes } from './wording.ts';

/** What may come before what is expected has come. */
const MAX_HEARD_BYTES = 65_536;

/**
 * A conversation: what is expected may stand anywhere in what has come after what was expected before, in whatever pieces it
 * comes. @throws ProbeFault
 */
export async function probeScript(attempt: Attempt, steps: readonly ScriptStep[]): Promise<void> {
	const listener = new Listener(attempt, await open(attempt));
	for (const step of steps) {
		if ('send' in step) listener.say(step.send);
		else await listener.expect(step.expect);
	}
}

class Listener {
	private readonly attempt: Attempt;
	private readonly socket: Socket;
	private readonly said: string[] = [];
	private heard: Buffer = Buffer.alloc(0);

	constructor(attempt: Attempt, socket: Socket) {
		this.attempt = attempt;
		this.socket = socket;
	}

	say(text: string): void {
		this.said.push(text);
		this.socket.write(text, 'latin1');
	}

	async expect(text: string): Promise<void> {
		const expected = Buffer.from(text, 'latin1');
		this.attempt.missing = () => this.difference(expected);
		const ended = (error: Error | null): ProbeFault =>
			bad(`${this.difference(expected)} before it ${error === null ? 'closed' : `failed: ${failureReason(error)}`}`);
		for (let from = 0; ; ) {
			const at = this.heard.indexOf(expected, from);
			if (at >= 0) {
				this.heard = this.heard.subarray(at + expected.length);
				return;
			}
			if (this.heard.length >= MAX_HEARD_BYTES) throw bad(`${this.difference(expected)} in ${MAX_HEARD_BYTES} bytes`);
			from = Math.max(0, this.heard.length - expected.length + 1);
			this.heard = Buffer.concat([this.heard, await nextBytes(this.socket, ended)]);
		}
	}

	private difference(expected: Buffer): string {
		const got = this.heard.length === 0 ? 'nothing' : showBytes(this.heard, this.said);
		return `expected ${showBytes(expected)}, got ${got}`;
	}
}
