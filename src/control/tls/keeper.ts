import type { Config } from '../config/schema.ts';
import type { Log } from '../log.ts';
import { OneAtATime } from '../one-at-a-time.ts';
import { TlsFault } from './fault.ts';
import {
	faultyFile,
	mainFile,
	type Reading,
	readTlsFiles,
	readUse,
	sameContents,
	stampOfUse,
	type TlsFiles,
} from './files.ts';
import { dateText, remarksOn, type Watched, watchedFiles } from './remarks.ts';

/** How often files are looked at. What changed is read when two looks in a row see the same. */
export const LOOK_MS = 1_000;
/** Certificates looked at each time; of more, each has its turn. */
export const MAX_LOOKS = 100;
/** How often what should be known of certificates is told again. */
export const REMIND_MS = 86_400_000;

export interface TlsKeeperOptions {
	readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
	/** Calls back after every so many milliseconds, until cancelled; timers in life, by hand in tests. */
	readonly every: (ms: number, run: () => void) => () => void;
	/** The wall clock: milliseconds since 1970. */
	readonly nowMs: () => number;
	/** Files in use have changed, were read again and are good: `renewed` has them. */
	readonly changed: () => void;
	/** In place of `readUse`, for tests. */
	readonly read?: typeof readUse;
}

interface Look extends Watched {
	/** The files' state at the last look, and the last one that was read, good or bad. */
	seen: string;
	handled: string;
	/** What was told of a state that cannot be used, so that it is told once. */
	told: string;
}

/**
 * The certificates in force: read when a configuration names them, read again when their files change. Files that
 * cannot be used, a certificate whose key is not there yet among them, are told once, and what is in force stays
 * until they are good.
 */
export class TlsKeeper {
	private readonly options: TlsKeeperOptions;
	private files: TlsFiles = new Map();
	/** Read again, not in force yet. */
	private readonly fresh = new Map<string, Reading>();
	private looks: readonly Look[] = [];
	private nextLook = 0;
	private readonly looking = new OneAtATime();
	private remindedMs = 0;
	private cancel: () => void = () => {};
	private stopped = false;

	constructor(options: TlsKeeperOptions) {
		this.options = options;
	}

	/** What is in force. */
	get current(): TlsFiles {
		return this.files;
	}

	/** What is in force with what was read again since; null: nothing was. */
	get renewed(): TlsFiles | null {
		return this.fresh.size === 0 ? null : new Map([...this.files, ...this.fresh]);
	}

	/**
	 * Reads all that a configuration names. Changes nothing.
	 * @throws ConfigError at the places of the keys.
	 */
	prepare(config: Config): Promise<TlsFiles> {
		return readTlsFiles(config);
	}

	/** They are in force now, with this snapshot: watches them and no others. */
	adopt(config: Config, files: TlsFiles, snapshot: number): void {
		const before = this.files;
		if (files === before) return;
		for (const key of this.fresh.keys()) if (!files.has(key)) this.fresh.delete(key);
		this.files = files;
		this.looks = watchedFiles(config).map((watched) => this.lookFor(watched, before));
		for (const look of this.looks) this.tell(look, before.get(look.key), snapshot);
		this.cancel();
		this.cancel = () => {};
		if (this.looks.length === 0 || this.stopped) return;
		this.remindedMs = this.options.nowMs();
		this.cancel = this.options.every(LOOK_MS, () => this.startLook());
	}

	/** The one there is, when it was not read again: it knows what was told already. */
	private lookFor(watched: Watched, before: TlsFiles): Look {
		const reading = this.files.get(watched.key);
		const known = this.looks.find(({ key }) => key === watched.key);
		if (known !== undefined && reading === before.get(watched.key)) return known;
		// A change that came while this one was on its way is found again by the next looks.
		this.fresh.delete(watched.key);
		const stamp = reading?.stamp ?? '';
		return { ...watched, seen: stamp, handled: stamp, told: '' };
	}

	stop(): void {
		this.stopped = true;
		this.cancel();
	}

	/** Resolves when the looks that are on their way, if any, have ended. */
	async rested(): Promise<void> {
		await this.looking.rested();
	}

	private startLook(): void {
		this.remind();
		this.looking.start(() => this.lookAtSome());
	}

	/** Never rejects. */
	private async lookAtSome(): Promise<void> {
		const { looks } = this;
		let changed = false;
		for (let i = 0; i < Math.min(MAX_LOOKS, looks.length) && looks === this.looks && !this.stopped; i++) {
			const look = looks[this.nextLook % looks.length];
			this.nextLook = (this.nextLook + 1) % looks.length;
			if (look !== undefined && (await this.look(look))) changed = true;
		}
		if (changed && !this.stopped) this.options.changed();
	}

	/** Looks at the files of one certificate; answers whether there is something new to put in force. */
	private async look(look: Look): Promise<boolean> {
		const stamp = await stampOfUse(look.use);
		const settled = stamp === look.seen;
		look.seen = stamp;
		if (!settled || stamp === look.handled) return false;
		look.handled = stamp;
		try {
			return this.take(look, await (this.options.read ?? readUse)(look.use));
		} catch (error) {
			if (!(error instanceof TlsFault)) throw error;
			// What could not be read may be readable at the next look, with nothing changed.
			if (error.unreadable) look.handled = '';
			this.tellFault(look, stamp, error);
			return false;
		}
	}

	private take(look: Look, reading: Reading): boolean {
		// A configuration that came in between has other files, or has read them itself.
		if (!this.looks.includes(look)) return false;
		look.handled = reading.stamp;
		look.told = '';
		const inForce = this.files.get(look.key);
		if (inForce !== undefined && sameContents(inForce, reading)) return this.fresh.delete(look.key);
		this.fresh.set(look.key, reading);
		return true;
	}

	private tellFault(look: Look, stamp: string, fault: TlsFault): void {
		const told = `${stamp}\n${fault.message}`;
		if (look.told === told || this.stopped) return;
		look.told = told;
		const kept = this.files.get(look.key);
		this.options.log.error('certificate not reread', {
			...look.owners,
			file: faultyFile(look.use, fault),
			reason: fault.message,
			kept: kept === undefined ? null : `valid until ${dateText(kept.validity.notAfterMs)}`,
		});
	}

	/** What is new: a changed certificate, and what should be known of it. */
	private tell(look: Look, before: Reading | undefined, snapshot: number): void {
		const now = this.files.get(look.key);
		if (now === undefined || (before !== undefined && sameContents(before, now))) return;
		if (before !== undefined) {
			const notAfter = dateText(now.validity.notAfterMs);
			this.options.log.info('certificate changed', { ...look.owners, file: mainFile(look.use), notAfter, snapshot });
		}
		this.remark(look, now);
	}

	private remind(): void {
		const nowMs = this.options.nowMs();
		if (Math.abs(nowMs - this.remindedMs) < REMIND_MS) return;
		this.remindedMs = nowMs;
		for (const look of this.looks) {
			const reading = this.files.get(look.key);
			if (reading !== undefined) this.remark(look, reading);
		}
	}

	private remark(look: Look, reading: Reading): void {
		for (const { msg, fields } of remarksOn(look, reading, this.options.nowMs())) this.options.log.warn(msg, fields);
	}
}
