import { hostname } from 'node:os';
import type { FromWorker } from '../core/messages.ts';
import { NS_PER_MS } from '../core/units.ts';
import { AdminKeeper } from './admin/keeper.ts';
import { readAdminTerms } from './admin/read-terms.ts';
import type { AdminServer } from './admin/server.ts';
import type { AdminTerms } from './admin/terms.ts';
import { AlertKeeper } from './alerts/keeper.ts';
import { readAlertTerms } from './alerts/read-terms.ts';
import type { AlertTerms } from './alerts/terms.ts';
import { postMessage } from './alerts/webhook.ts';
import type { Config } from './config/schema.ts';
import { together } from './config/together.ts';
import { HistoryKeeper } from './history/keeper.ts';
import { type MetricSources, takeReadings } from './metrics/readings.ts';
import { LiveOperations } from './steering/live-operations.ts';
import { liveSources } from './steering/metric-sources.ts';
import type { Steered } from './steering/steered.ts';
import { Tallies } from './steering/tallies.ts';

/** What the keys `admin` and `alerts` say, with all that they name read. */
export interface PreparedAdmin {
	readonly server: AdminTerms | null;
	readonly alerts: readonly AlertTerms[];
}

/** The admin side of a running balancer: what can be seen and changed, and the server that offers it when asked to. */
export class AdminSide {
	readonly operations: LiveOperations;
	/** What the main thread counts. */
	readonly tallies = new Tallies();
	readonly #steered: Steered;
	readonly #sources: MetricSources;
	readonly #alerts: AlertKeeper;
	readonly #history: HistoryKeeper;
	readonly #stop = new AbortController();
	readonly #server: AdminKeeper;

	constructor(steered: Steered) {
		this.#steered = steered;
		this.operations = new LiveOperations(steered, {
			alerts: () => this.#alerts.views(),
			history: (query) => this.#history.read(query),
		});
		const sources = liveSources(steered, this.operations, this.tallies);
		this.#sources = sources;
		this.#server = new AdminKeeper({ log: steered.log, after: steered.after, open: (terms) => this.#open(terms) });
		const clock = {
			nowMs: () => steered.clock.nowNs() / NS_PER_MS,
			wallMs: () => steered.clock.wallMs(),
			every: steered.every,
		};
		this.#alerts = new AlertKeeper({
			log: steered.log,
			host: hostname(),
			readings: () => takeReadings(sources),
			...clock,
			post: (url, message) => postMessage(url, message, this.#stop.signal),
		});
		this.#history = new HistoryKeeper({
			path: steered.config.history ?? null,
			log: steered.log,
			status: () => this.operations.status(),
			pools: () => this.operations.pools(),
			...clock,
		});
		steered.log.watch((event) => this.operations.note(event));
	}

	/** Reads what the keys `admin` and `alerts` of a configuration name. @throws ConfigError */
	async prepare(config: Config): Promise<PreparedAdmin> {
		const [server, alerts] = await together(readAdminTerms(config), readAlertTerms(config));
		return { server, alerts };
	}

	/** Where it listens, or null. */
	get address(): string | null {
		return this.#server.address;
	}

	/** Serves by these terms from the start on. @throws SluiceError when it cannot listen. */
	async start({ server, alerts }: PreparedAdmin): Promise<void> {
		this.#alerts.adopt(alerts);
		this.#history.start(server !== null);
		await this.#server.start(server);
	}

	/** As a reload wants it. A reload is not undone for what could not be done: it is answered here, and tried again. */
	adopt({ server, alerts }: PreparedAdmin): Promise<string | null> {
		this.#alerts.adopt(alerts);
		this.#history.start(server !== null);
		return this.#server.adopt(server);
	}

	/** An answer of a worker to what was asked of it. */
	heard(message: Extract<FromWorker, { readonly ask: number }>): void {
		this.operations.desk.heard(message);
	}

	async stop(): Promise<void> {
		this.operations.stop();
		this.#alerts.stop();
		this.#history.stop();
		this.#stop.abort();
		await this.#server.stop();
	}

	/** What only a server needs is loaded for one alone: it is most of what the main thread would load. */
	async #open(terms: AdminTerms): Promise<AdminServer> {
		const [{ AdminServer }, { Exposition }] = await Promise.all([
			import('./admin/server.ts'),
			import('./metrics/exposition.ts'),
		]);
		const exposition = new Exposition(this.#sources);
		return AdminServer.open({
			terms,
			operations: this.operations,
			log: this.#steered.log,
			version: this.#steered.version,
			metrics: () => exposition.text(),
		});
	}
}
