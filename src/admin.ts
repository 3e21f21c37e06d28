import { readAdminTerms } from './control/admin/read-terms.ts';
import { AdminServer } from './control/admin/server.ts';
import type { AdminTerms } from './control/admin/terms.ts';
import type { Config } from './control/config/schema.ts';
import { Exposition } from './control/metrics/exposition.ts';
import { LiveOperations, type Steered } from './control/steering/live-operations.ts';
import { liveSources } from './control/steering/metric-sources.ts';
import { Tallies } from './control/steering/tallies.ts';
import { errorText } from './core/errors.ts';
import type { FromWorker } from './core/messages.ts';

/** The admin side of a running balancer: what can be seen and changed, and the server that offers it when asked to. */
export class Admin {
	readonly operations: LiveOperations;
	/** What the main thread counts. */
	readonly tallies = new Tallies();
	readonly #steered: Steered;
	readonly #exposition: Exposition;
	#server: AdminServer | null = null;
	#terms: AdminTerms | null = null;

	constructor(steered: Steered) {
		this.#steered = steered;
		this.operations = new LiveOperations(steered);
		this.#exposition = new Exposition(liveSources(steered, this.operations, this.tallies));
		steered.log.watch((event) => this.operations.note(event));
	}

	/** Reads what the key `admin` of a configuration names. @throws ConfigError */
	prepare(config: Config): Promise<AdminTerms | null> {
		return readAdminTerms(config);
	}

	/** Where it listens, or null. */
	get address(): string | null {
		return this.#server?.address ?? null;
	}

	/**
	 * Serves by these terms from now on. Where the address stays the old server closes first, so that for a moment
	 * nobody answers there.
	 * @throws SluiceError when it cannot listen; then nobody does, unless the address is another one.
	 */
	async serve(terms: AdminTerms | null): Promise<void> {
		if (JSON.stringify(terms) === JSON.stringify(this.#terms)) return;
		const before = this.#server;
		const stays = terms !== null && JSON.stringify(terms.bind) === JSON.stringify(this.#terms?.bind);
		if (stays) await before?.close();
		this.#server = terms === null ? null : await this.#open(terms);
		this.#terms = terms;
		if (!stays) await before?.close();
		if (this.#server !== null) this.#steered.log.info('admin listening', { address: this.#server.address });
	}

	/** As `serve`, and what goes wrong is told: a reload is not undone for it. */
	async serveOrTell(terms: AdminTerms | null): Promise<void> {
		try {
			await this.serve(terms);
		} catch (error) {
			this.#steered.log.error('admin not listening', { reason: errorText(error) });
		}
	}

	/** An answer of a worker to what was asked of it. */
	heard(message: Extract<FromWorker, { readonly ask: number }>): void {
		this.operations.desk.heard(message);
	}

	async stop(): Promise<void> {
		this.operations.stop();
		await this.#server?.close();
		this.#server = null;
	}

	#open(terms: AdminTerms): Promise<AdminServer> {
		return AdminServer.open({
			terms,
			operations: this.operations,
			log: this.#steered.log,
			version: this.#steered.version,
			metrics: () => this.#exposition.text(),
		});
	}
}
