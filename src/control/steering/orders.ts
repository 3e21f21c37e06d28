import { SluiceError } from '../../core/errors.ts';
import type { LogEvent, LogLevel } from '../../core/record.ts';
import type { Requester } from '../admin/operations.ts';
import type { BackendAddition, DrainOrder, ShapingChange } from '../admin/views.ts';
import { backendName } from '../config/compile.ts';
import type { Config } from '../config/schema.ts';
import type { Author, RuntimeChanges } from './changes.ts';
import type { Drainer } from './drainer.ts';
import { entryName } from './live-views.ts';
import { hasPlace, parsePlace, type ShapedPlace } from './shaped-places.ts';
import type { Steered } from './steered.ts';

/** What operators order while it runs: each is put in force as a change by its author, and told. */
export class Orders {
	readonly #steered: Steered;
	readonly #drainer: Drainer;

	constructor(steered: Steered, drainer: Drainer) {
		this.#steered = steered;
		this.#drainer = drainer;
	}

	/** Drains that a state file brought back begin anew. */
	resume(): void {
		const { changes, config } = this.#steered;
		for (const pool of changes.apply(config).pools)
			for (const backend of pool.backends)
				if (changes.stateOf(pool.name, backendName(backend)) === 'draining')
					this.#drainer.start(pool.name, backendName(backend), null, config.drain);
	}

	async setWeight(pool: string, backend: string, weight: number, by: Requester): Promise<void> {
		const entry = await this.#changeEntry(pool, backend, by, (changes, author, name) =>
			changes.setWeight(pool, name, weight, author),
		);
		this.tell('weight set', by, { pool, backend: entry, weight });
	}

	async drain(pool: string, backend: string, { closePerSecond }: DrainOrder, by: Requester): Promise<void> {
		const entry = await this.#setState(pool, backend, 'draining', by);
		this.#drainer.start(pool, entry, closePerSecond ?? null, this.#steered.config.drain);
		this.tell('backend drains', by, { pool, backend: entry, closePerSecond: closePerSecond ?? null });
	}

	async enable(pool: string, backend: string, by: Requester): Promise<void> {
		const entry = await this.#setState(pool, backend, 'enabled', by);
		this.#drainer.end(pool, entry);
		this.tell('backend enabled', by, { pool, backend: entry });
	}

	async disable(pool: string, backend: string, by: Requester): Promise<void> {
		const entry = await this.#setState(pool, backend, 'disabled', by);
		this.#drainer.end(pool, entry);
		this.tell('backend disabled', by, { pool, backend: entry });
	}

	#setState(pool: string, backend: string, state: 'enabled' | 'disabled' | 'draining', by: Requester): Promise<string> {
		return this.#changeEntry(pool, backend, by, (changes, author, name) => changes.setState(pool, name, state, author));
	}

	async addBackend(pool: string, addition: BackendAddition, by: Requester): Promise<void> {
		let name = '';
		await this.#change(by, (changes, author, config) => {
			const { backends } = poolNamed(config, pool);
			name = changes.add(pool, addition, author);
			if (backends.some((backend) => backendName(backend) === name))
				throw new SluiceError('refused', `pool ${pool} has a backend ${name} already`);
		});
		this.tell('backend added', by, { pool, backend: name, address: addition.address });
	}

	async removeBackend(pool: string, backend: string, by: Requester): Promise<void> {
		const entry = await this.#changeEntry(pool, backend, by, (changes, author, name, config) => {
			if (poolNamed(config, pool).backends.length === 1)
				throw new SluiceError('refused', `${name} is the last backend of pool ${pool}: a pool needs one`);
			changes.remove(pool, name, hasBackend(this.#steered.config, pool, name), author);
		});
		this.#drainer.end(pool, entry);
		this.tell('backend removed', by, { pool, backend: entry });
	}

	async setShaping(place: string, terms: ShapingChange, by: Requester): Promise<void> {
		let parsed = parsePlace(place);
		await this.#change(by, (changes, author, config) => {
			parsed = this.#placeOf(parsed);
			if (!hasPlace(config, parsed)) throw new SluiceError('not-found', `there is no ${place}`);
			changes.setShaping(parsed, terms, author);
		});
		this.tell('shaping set', by, { place: `${parsed.kind} ${parsed.name}`, terms: JSON.stringify(terms) });
	}

	async setLogLevel(level: LogLevel | null, by: Requester): Promise<void> {
		await this.#change(by, (changes, author) => changes.setLogLevel(level, author));
		this.tell('log level set', by, { logLevel: level ?? 'as configured' });
	}

	/** Changes an entry of the file by its name or by that of one of its addresses; answers the entry's name. */
	async #changeEntry(
		pool: string,
		backend: string,
		by: Requester,
		make: (changes: RuntimeChanges, author: Author, entry: string, config: Config) => void,
	): Promise<string> {
		let entry = backend;
		await this.#change(by, (changes, author, config) => {
			entry = this.#entryOf(pool, backend);
			requireBackend(config, pool, entry);
			make(changes, author, entry, config);
		});
		return entry;
	}

	/**
	 * A host name's addresses are shown as `name/address`, and come and go: what is changed is the entry that they all
	 * come from.
	 */
	#entryOf(pool: string, backend: string): string {
		const backends = this.#steered.snapshot?.pools.find(({ name }) => name === pool)?.backends ?? [];
		const shown = backends.find(({ name }) => name === backend);
		return shown === undefined ? backend : entryName(shown);
	}

	#placeOf(place: ShapedPlace): ShapedPlace {
		const [pool = '', ...rest] = place.name.split('/');
		if (place.kind !== 'backend') return place;
		return { kind: 'backend', name: `${pool}/${this.#entryOf(pool, rest.join('/'))}` };
	}

	#change(by: Requester, make: (changes: RuntimeChanges, author: Author, config: Config) => void): Promise<void> {
		const time = new Date(this.#steered.clock.wallMs()).toISOString();
		return this.#steered.change((changes, config) => make(changes, { by, time }, config));
	}

	/** Every change is in the log with who asked, at every level. */
	tell(msg: string, by: Requester, fields: LogEvent['fields']): void {
		this.#steered.log.audit(msg, { ...fields, by });
	}
}

function poolNamed(config: Config, name: string): Config['pools'][number] {
	const pool = config.pools.find((candidate) => candidate.name === name);
	if (pool === undefined) throw new SluiceError('not-found', `there is no pool ${name}`);
	return pool;
}

const hasBackend = (config: Config, pool: string, backend: string): boolean =>
	poolNamed(config, pool).backends.some((candidate) => backendName(candidate) === backend);

function requireBackend(config: Config, pool: string, backend: string): void {
	if (!hasBackend(config, pool, backend)) throw new SluiceError('not-found', `pool ${pool} has no backend ${backend}`);
}
