import { isDeepStrictEqual } from 'node:util';
import { formatTarget, type SocketTarget } from '../../core/address.ts';
import { errorText } from '../../core/errors.ts';
import { FIRST_RETRY_MS, MAX_RETRY_MS } from '../listen-retry.ts';
import type { Log } from '../log.ts';
import type { After } from '../probe-schedule.ts';
import { Turns } from '../turns.ts';
import type { AdminServer } from './server.ts';
import type { AdminTerms } from './terms.ts';

/** What is needed of a server. */
export type Served = Pick<AdminServer, 'address' | 'adopt' | 'release' | 'close'>;

export interface AdminKeeperOptions {
	readonly log: Pick<Log, 'info' | 'error'>;
	readonly after: After;
	/** @throws SluiceError when it cannot listen there. */
	open(terms: AdminTerms): Promise<Served>;
}

/**
 * Keeps the admin server as the configuration wants it. Tokens change on the server that runs, at once; another address is
 * opened before the old one closes. One that cannot be opened is tried again, and meanwhile the old server goes on,
 * by the new tokens: a token that was taken away must not work for longer than the reload that takes it.
 */
export class AdminKeeper {
	readonly #options: AdminKeeperOptions;
	readonly #turns = new Turns();
	#server: Served | null = null;
	/** What it was opened for. */
	#opened: AdminTerms | null = null;
	#wanted: AdminTerms | null = null;
	#cancel: () => void = () => {};
	#delayMs = FIRST_RETRY_MS;
	#stopped = false;

	constructor(options: AdminKeeperOptions) {
		this.#options = options;
	}

	/** Where it listens, or null. */
	get address(): string | null {
		return this.#server?.address ?? null;
	}

	/** @throws SluiceError when it cannot listen. */
	start(terms: AdminTerms | null): Promise<void> {
		return this.#turns.run(() => this.#change(terms));
	}

	/** What a reload wants from now on. Answers what could not be done; that is tried again. Null: all is as wanted. */
	adopt(terms: AdminTerms | null): Promise<string | null> {
		return this.#turns.run(async () => {
			this.#rest();
			try {
				await this.#change(terms);
				return null;
			} catch (error) {
				const reason = `${errorText(error)}; ${this.#meanwhile()}; it is tried again`;
				this.#options.log.error('admin not listening', { reason });
				this.#tryAgain();
				return reason;
			}
		});
	}

	stop(): Promise<void> {
		this.#stopped = true;
		this.#rest();
		return this.#turns.run(async () => {
			await this.#server?.close();
			this.#server = null;
		});
	}

	async #change(terms: AdminTerms | null): Promise<void> {
		if (this.#stopped) return;
		this.#wanted = terms;
		if (terms === null) this.#leave();
		else await this.#move(terms);
	}

	async #move(terms: AdminTerms): Promise<void> {
		const before = this.#server;
		before?.adopt(terms);
		if (before !== null && this.#opened !== null) {
			const stays = isDeepStrictEqual(this.#opened.bind, terms.bind) || before.address === formatTarget(terms.bind);
			if (stays && (this.#opened.tls === null) === (terms.tls === null)) return;
			// Where TLS begins or ends, or more or fewer of the addresses with that port are wanted, there is no room for both.
			if (stays || isInTheWay(before.address, terms.bind)) this.#leave();
		}
		const server = await this.#options.open(terms);
		this.#leave();
		this.#server = server;
		this.#opened = terms;
		this.#options.log.info('admin listening', { address: server.address });
	}

	/** It answers what is being asked, which may be the very reload that ends it: so nobody waits for it here. */
	#leave(): void {
		const before = this.#server;
		this.#server = null;
		this.#opened = null;
		before?.release();
		before?.close().catch((error) => this.#options.log.error('admin not closed', { reason: errorText(error) }));
	}

	#meanwhile(): string {
		const { address } = this;
		return address === null
			? 'until it can, there is no admin server'
			: `until it can, the one at ${address} goes on, by the new tokens`;
	}

	#tryAgain(): void {
		this.#cancel = this.#options.after(this.#delayMs, () => {
			this.#delayMs = Math.min(2 * this.#delayMs, MAX_RETRY_MS);
			void this.#turns.run(async () => {
				const wanted = this.#wanted;
				if (wanted === null || this.#stopped) return;
				await this.#move(wanted).catch(() => this.#tryAgain());
			});
		});
	}

	#rest(): void {
		this.#cancel();
		this.#cancel = () => {};
		this.#delayMs = FIRST_RETRY_MS;
	}
}

const WILDCARD = /^(0\.0\.0\.0|\[::\]):/;

/** Whether the same port is wanted on all addresses and is held on one of them, or the other way round. */
function isInTheWay(address: string, bind: SocketTarget): boolean {
	const wanted = formatTarget(bind);
	const portOf = (text: string): string => text.slice(text.lastIndexOf(':'));
	if (bind.type === 'unix' || address.startsWith('unix:') || portOf(address) !== portOf(wanted)) return false;
	return WILDCARD.test(address) || WILDCARD.test(wanted);
}
