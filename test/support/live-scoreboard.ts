import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import { configFile, type LogLine, SluiceProcess } from './sluice-process.ts';

const HOOK = fileURLToPath(new URL('./live-scoreboard-hook.ts', import.meta.url));

/** How long a process may take to come to rest: lingering sockets are given 3 s. */
const PATIENCE_MS = 10_000;
/** A look costs a garbage collection on every thread. */
const LOOK_AGAIN_MS = 100;

/** What a running process holds, seen from inside after a garbage collection on each of its threads. */
export interface LiveLook {
	readonly msg: 'live';
	readonly turn: number;
	/** Nothing is held on the scoreboard. */
	readonly zero: boolean;
	/** Counts that do not equal their shares. */
	readonly faults: readonly string[];
	/** Of each place (listener, pool, backend) that any session ended at: how many, by worker. */
	readonly sessions: readonly (readonly number[])[];
	/** Resident memory of the process. */
	readonly rssBytes: number;
	/** What objects and buffers of all threads take. */
	readonly usedBytes: number;
}

interface Teardown {
	teardown(end: () => void): void;
}

/** A real `sluice run` process that can be looked into while it runs. */
export class LiveSluice {
	readonly run: SluiceProcess;
	private turn = 0;
	private looking: Promise<LiveLook | null> = Promise.resolve(null);

	constructor(t: Teardown, config: ConfigInput) {
		const { path } = configFile(t, config);
		this.run = new SluiceProcess(t, ['run', '-c', path], { flags: ['--expose-gc', '--import', HOOK] });
	}

	port(listener: string): Promise<number> {
		return this.run.port(listener);
	}

	/** Open descriptors now, but for pipes: an engine keeps those for the next bulky relay, within a budget. */
	get descriptors(): number {
		const folder = `/proc/${this.run.child.pid}/fd`;
		return readdirSync(folder).filter((fd) => !targetOf(`${folder}/${fd}`).startsWith('pipe:')).length;
	}

	/** One after the other: signals of one kind that are under way at once become one. */
	look(): Promise<LiveLook> {
		const look = this.looking.then(() => this.lookNow());
		this.looking = look;
		return look;
	}

	private async lookNow(): Promise<LiveLook> {
		this.turn += 1;
		const { turn } = this;
		this.run.kill('SIGUSR2');
		return (await this.run.line('live', (line) => line.turn === turn)) as LogLine & LiveLook;
	}

	/** The first look that finds nothing held and no more descriptors open than so many; waits for it, not for ever. */
	async atRest(descriptors = Number.POSITIVE_INFINITY): Promise<LiveLook> {
		const giveUp = performance.now() + PATIENCE_MS;
		for (;;) {
			const look = await this.look();
			const open = this.descriptors;
			if (look.zero && open <= descriptors) return look;
			if (performance.now() > giveUp) {
				throw new Error(
					`places ${look.zero ? 'are free' : 'are held'}, ${open} descriptors of ${descriptors} are open`,
				);
			}
			await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
		}
	}

	/** Ends it in good order and answers all access records. */
	async records(): Promise<readonly LogLine[]> {
		this.run.kill('SIGTERM');
		const { code, stderr } = await this.run.finished;
		if (code !== 0 || stderr !== '') throw new Error(`sluice ended with ${code}: ${stderr}`);
		return this.run.lines.filter((line) => line.msg === 'session');
	}
}

/** What a descriptor stands for; empty when it was closed meanwhile. */
function targetOf(link: string): string {
	try {
		return readlinkSync(link);
	} catch {
		return '';
	}
}
