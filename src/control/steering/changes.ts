import { isAbsolute } from 'node:path';
import * as z from 'zod';
import { SluiceError } from '../../core/errors.ts';
import { LOG_LEVELS, type LogLevel } from '../../core/record.ts';
import { type BackendAddition, backendState, type ChangeView, shapingChange } from '../admin/views.ts';
import { checkUnixPath } from '../config/bind-references.ts';
import { backendName } from '../config/compile.ts';
import { bucket } from '../config/fields-shaping.ts';
import { findingsOf, wording } from '../config/findings.ts';
import type { BackendConfig, Config, PoolConfig } from '../config/schema.ts';
import { backend as backendSchema } from '../config/schema-pools.ts';
import { SHAPED_KINDS, type ShapedPlace, shapePlace } from './shaped-places.ts';

type State = z.output<typeof backendState>;
export type ShapingTerms = z.output<typeof shapingChange>;

/** What was changed of one backend; null: as the file has it. */
interface BackendChange {
	state: State;
	weight: number | null;
	removed: boolean;
	/** As it would stand in the file, when it does not. */
	added: BackendAddition | null;
}

/** Who made a change, and when. */
export interface Author {
	readonly by: string;
	/** ISO 8601. */
	readonly time: string;
}

/** A pool without a backend, and what took them away. */
export interface Emptied {
	readonly pool: string;
	readonly removed: readonly (Author & { readonly backend: string })[];
}

const author = { by: z.string(), time: z.iso.datetime() };

/** What a state file holds. */
const stored = z.strictObject({
	version: z.literal(1),
	backends: z.array(
		z.strictObject({
			pool: z.string(),
			backend: z.string(),
			state: backendState,
			weight: z.int().min(0).max(256).nullable(),
			removed: z.boolean(),
			added: z.record(z.string(), z.unknown()).nullable(),
			...author,
		}),
	),
	shaping: z.array(z.strictObject({ kind: z.enum(SHAPED_KINDS), name: z.string(), terms: shapingChange, ...author })),
	logLevel: z
		.strictObject({ level: z.enum(LOG_LEVELS), ...author })
		.nullable()
		.default(null),
});
type Stored = z.output<typeof stored>;

const key = (pool: string, backend: string): string => `${pool}/${backend}`;

/**
 * The changes that were made while the process runs, and what a configuration becomes by them. A change names a place
 * that the configuration has; when a reload takes the place away, the change waits for it to come back.
 */
export class RuntimeChanges {
	readonly #backends = new Map<string, BackendChange & Author & { readonly pool: string; readonly backend: string }>();
	readonly #shaping = new Map<string, Author & { readonly place: ShapedPlace; readonly terms: ShapingTerms }>();

	#logLevel: (Author & { readonly level: LogLevel }) | null = null;

	/** @throws SluiceError `state-invalid` when the text is not what `text` writes. */
	static parse(text: string): RuntimeChanges {
		const changes = new RuntimeChanges();
		const result = stored.safeParse(jsonOf(text));
		if (!result.success) throw new SluiceError('state-invalid', z.prettifyError(result.error).replaceAll('\n', ' '));
		for (const entry of result.data.backends) {
			const added = entry.added === null ? null : (entry.added as unknown as BackendAddition);
			if (added !== null) parseBackend(added);
			changes.#backends.set(key(entry.pool, entry.backend), { ...entry, added });
		}
		for (const { kind, name, ...entry } of result.data.shaping) {
			changes.#shaping.set(`${kind} ${name}`, { ...entry, place: { kind, name } });
		}
		changes.#logLevel = result.data.logLevel;
		return changes;
	}

	/** What `parse` reads. */
	get text(): string {
		const whole: Stored = {
			version: 1,
			backends: [...this.#backends.values()].map((entry) => ({ ...entry, added: entry.added && { ...entry.added } })),
			shaping: [...this.#shaping.values()].map(({ place, ...entry }) => ({ ...place, ...entry })),
			logLevel: this.#logLevel,
		};
		return `${JSON.stringify(whole, null, '\t')}\n`;
	}

	/** The same changes, to try one more on. */
	copy(): RuntimeChanges {
		return RuntimeChanges.parse(this.text);
	}

	get size(): number {
		return this.list().length;
	}

	/** Every change, the newest last. */
	list(): ChangeView[] {
		const backends = [...this.#backends.values()].flatMap((entry) => {
			const common = { target: `backend ${key(entry.pool, entry.backend)}`, by: entry.by, time: entry.time };
			return valuesOf(entry).map(([what, value]) => ({ ...common, what, value }));
		});
		const shaping = [...this.#shaping.entries()].flatMap(([target, { terms, by, time }]) =>
			Object.entries(terms).map(([what, value]) => ({ target, what, value: bandwidthText(value), by, time })),
		);
		return [...backends, ...shaping, ...this.#logChange()].sort((a, b) => a.time.localeCompare(b.time));
	}

	#logChange(): ChangeView[] {
		if (this.#logLevel === null) return [];
		const { level, by, time } = this.#logLevel;
		return [{ target: 'log', what: 'level', value: level, by, time }];
	}

	/** What was changed of a backend: `state`, `weight`, `added`, `upload`, `download`. */
	ofBackend(pool: string, backend: string): string[] {
		const entry = this.#backends.get(key(pool, backend));
		const own = entry === undefined ? [] : valuesOf(entry).map(([what]) => what);
		return [...own, ...this.ofPlace('backend', key(pool, backend))];
	}

	ofPlace(kind: ShapedPlace['kind'], name: string): string[] {
		return Object.keys(this.#shaping.get(`${kind} ${name}`)?.terms ?? {});
	}

	stateOf(pool: string, backend: string): State {
		return this.#backends.get(key(pool, backend))?.state ?? 'enabled';
	}

	isAdded(pool: string, backend: string): boolean {
		return (this.#backends.get(key(pool, backend))?.added ?? null) !== null;
	}

	// --- changing ---

	setState(pool: string, backend: string, state: State, author: Author): void {
		this.#change(pool, backend, { state }, author);
	}

	setWeight(pool: string, backend: string, weight: number, author: Author): void {
		this.#change(pool, backend, { weight }, author);
	}

	/** @throws ConfigError-like SluiceError `refused` when the addition is not what a file could have. */
	add(pool: string, addition: BackendAddition, author: Author): string {
		const name = backendName(parseBackend(addition));
		const removed = this.#backends.get(key(pool, name))?.removed ?? false;
		this.#change(pool, name, { ...UNCHANGED, removed, added: addition }, author);
		return name;
	}

	/** `inFile`: the file has such a backend, which stays there. */
	remove(pool: string, backend: string, inFile: boolean, author: Author): void {
		this.#change(pool, backend, { ...UNCHANGED, removed: inFile }, author);
	}

	setShaping(place: ShapedPlace, terms: ShapingTerms, author: Author): void {
		const name = `${place.kind} ${place.name}`;
		for (const value of [terms.upload, terms.download]) parseBucket(value);
		const before = this.#shaping.get(name)?.terms ?? {};
		this.#shaping.set(name, { place, terms: { ...before, ...terms }, ...author });
	}

	/** Null: as the file has it. */
	setLogLevel(level: LogLevel | null, author: Author): void {
		this.#logLevel = level === null ? null : { level, ...author };
	}

	#change(pool: string, backend: string, change: Partial<BackendChange>, author: Author): void {
		const before = this.#backends.get(key(pool, backend)) ?? UNCHANGED;
		const entry = { ...before, ...change, pool, backend, ...author };
		if (valuesOf(entry).length === 0) this.#backends.delete(key(pool, backend));
		else this.#backends.set(key(pool, backend), entry);
	}

	// --- what a configuration becomes ---

	/** The configuration with these changes. What it does not have is left out. */
	apply(config: Config): Config {
		if (this.#backends.size === 0 && this.#shaping.size === 0 && this.#logLevel === null) return config;
		let changed: Config = {
			...config,
			log: { ...config.log, level: this.#logLevel?.level ?? config.log.level },
			pools: config.pools.map((pool) => this.#applyTo(pool)),
		};
		for (const { place, terms } of this.#shaping.values()) {
			changed = shapePlace(changed, place, {
				...('upload' in terms ? { upload: parseBucket(terms.upload) } : {}),
				...('download' in terms ? { download: parseBucket(terms.download) } : {}),
			});
		}
		return changed;
	}

	/** The pools of a configuration that would have no backend left for what was removed. */
	emptied(config: Config): Emptied[] {
		return config.pools
			.filter((pool) => this.#applyTo(pool).backends.length === 0)
			.map(({ name, backends }) => {
				const removed = backends.flatMap((backend) => this.#backends.get(key(name, backendName(backend))) ?? []);
				return { pool: name, removed: removed.map(({ backend, by, time }) => ({ backend, by, time })) };
			});
	}

	/** What the file has of this pool is there again. */
	forgetRemovals(pool: string): void {
		for (const [at, entry] of this.#backends) if (entry.pool === pool && entry.removed) this.#backends.delete(at);
	}

	#applyTo(pool: PoolConfig): PoolConfig {
		const kept = pool.backends.filter((backend) => !this.#isRemoved(pool, backend));
		// What the file has goes before what was added under its name, unless it was removed.
		const own = new Set(kept.map(backendName));
		const added = [...this.#backends.values()].flatMap((entry) =>
			entry.pool === pool.name && entry.added !== null && !own.has(entry.backend) ? [parseBackend(entry.added)] : [],
		);
		return { ...pool, backends: [...kept, ...added].map((backend) => this.#weigh(pool, backend)) };
	}

	#isRemoved(pool: PoolConfig, backend: BackendConfig): boolean {
		return this.#backends.get(key(pool.name, backendName(backend)))?.removed === true;
	}

	#weigh(pool: PoolConfig, backend: BackendConfig): BackendConfig {
		const change = this.#backends.get(key(pool.name, backendName(backend)));
		if (change === undefined) return backend;
		return { ...backend, weight: change.state === 'enabled' ? (change.weight ?? backend.weight) : 0 };
	}
}

const UNCHANGED: BackendChange = { state: 'enabled', weight: null, removed: false, added: null };

function valuesOf({ state, weight, removed, added }: BackendChange): [what: string, value: string][] {
	const values: [string, string][] = [];
	if (added !== null) values.push(['added', added.address]);
	if (removed) values.push(['removed', 'true']);
	if (state !== 'enabled') values.push(['state', state]);
	if (weight !== null) values.push(['weight', String(weight)]);
	return values;
}

function bandwidthText(value: ShapingTerms['upload']): string {
	if (value === null || value === undefined) return 'unlimited';
	if (typeof value === 'string') return value;
	return value.burst === undefined ? value.rate : `${value.rate}, burst ${value.burst}`;
}

function parseBackend(addition: BackendAddition): BackendConfig {
	const result = backendSchema.safeParse(addition, AS_IN_FILES);
	if (result.success) return withUsablePath(result.data);
	throw new SluiceError('refused', `backend ${addition.address}: ${firstFault(result.error)}`);
}

/** There is no file whose folder a path could be relative to. */
function withUsablePath(backend: BackendConfig): BackendConfig {
	const { address } = backend;
	if (address.type !== 'unix') return backend;
	const [fault] = checkUnixPath(address, []);
	if (fault === undefined && isAbsolute(address.path)) return backend;
	const why = fault?.message ?? 'the path has to be absolute';
	throw new SluiceError('refused', `backend unix:${address.path}: address: ${why}`);
}

/** Null and absent are unlimited. */
function parseBucket(value: ShapingTerms['upload']): z.output<ReturnType<typeof bucket>> {
	if (value === null || value === undefined) return undefined;
	const result = bucket().safeParse(value, AS_IN_FILES);
	if (result.success) return result.data;
	throw new SluiceError('refused', `${bandwidthText(value)}: ${firstFault(result.error)}`);
}

/** Told as a fault of a file would be. */
const AS_IN_FILES = { error: wording, reportInput: true } as const;

function firstFault(error: z.ZodError): string {
	const [finding] = findingsOf(error.issues);
	return finding === undefined ? 'is not valid' : `${[...finding.path, finding.message].map(String).join(': ')}`;
}

function jsonOf(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw new SluiceError('state-invalid', 'not JSON: it may have been cut off', { cause });
	}
}
