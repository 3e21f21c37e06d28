import type { IpAddress } from '../core/address.ts';
import type {
	BackendSnapshot,
	BucketLimit,
	ListenerSnapshot,
	PerClientLimits,
	PoolSnapshot,
	RegionSnapshot,
	SlotRef,
} from '../core/snapshot.ts';
import type { Direction } from '../core/units.ts';
import type { Trace } from './trace.ts';

/** What stands in buckets now, in bytes; negative is what has been promised to those who wait. */
export interface BucketLevels {
	bucketLevel(slot: SlotRef, direction: Direction, limit: BucketLimit, nowNs: number): number;
	clientLevel(
		limits: PerClientLimits,
		client: IpAddress,
		direction: Direction,
		limit: BucketLimit,
		nowNs: number,
	): number;
}

/** All that decides which buckets a session passes. */
export interface ShapedPath {
	readonly listener: ListenerSnapshot;
	readonly client: IpAddress | null;
	readonly region: RegionSnapshot | null;
	readonly pool: PoolSnapshot;
	readonly backend: BackendSnapshot;
}

interface NamedBucket {
	readonly name: string;
	readonly limit: BucketLimit;
	readonly level: number;
}

/** Tells the buckets of each direction, from the connection outward, as a relay asks them; nothing where there are none. */
export function noteBuckets(path: ShapedPath, levels: BucketLevels, nowNs: number, trace: Trace): void {
	const upload = bucketsOf(path, 'upload', levels, nowNs);
	const download = bucketsOf(path, 'download', levels, nowNs);
	if (upload.length + download.length === 0) return;
	trace.note('relay', `upload: ${listText(upload)}`);
	trace.note('relay', `download: ${listText(download)}`);
}

const listText = (buckets: readonly NamedBucket[]): string =>
	buckets.length === 0 ? 'unlimited' : buckets.map(describe).join('; ');

function bucketsOf(path: ShapedPath, direction: Direction, levels: BucketLevels, nowNs: number): NamedBucket[] {
	const { listener, region, pool, backend } = path;
	const buckets: NamedBucket[] = [];
	const add = (name: string, limit: BucketLimit | null, level: (limit: BucketLimit) => number): void => {
		if (limit !== null) buckets.push({ name, limit, level: level(limit) });
	};
	const own = (slot: SlotRef) => (limit: BucketLimit) => levels.bucketLevel(slot, direction, limit, nowNs);
	add('connection', listener.shaping.connection[direction], ({ burstBytes }) => burstBytes);
	addClient(path, direction, levels, nowNs, add);
	add(`backend ${backend.name}`, backend.shaping[direction], own(backend.slot));
	add(`pool ${pool.name}`, pool.shaping[direction], own(pool.slot));
	if (region !== null) add(`region ${region.name}`, region.shaping[direction], own(region.slot));
	add(`listener ${listener.name}`, listener.shaping.listener[direction], own(listener.slot));
	return buckets;
}

/** A client without an address has no bucket. */
function addClient(
	{ listener, client }: ShapedPath,
	direction: Direction,
	levels: BucketLevels,
	nowNs: number,
	add: (name: string, limit: BucketLimit | null, level: (limit: BucketLimit) => number) => void,
): void {
	const { perClient, shaping } = listener;
	if (perClient === null || client === null) return;
	add('client', shaping.client[direction], (limit) => levels.clientLevel(perClient, client, direction, limit, nowNs));
}

function describe({ name, limit, level }: NamedBucket): string {
	const left = level >= limit.burstBytes ? 'full' : level >= 0 ? `${formatBytes(level)} left` : waitText(level, limit);
	return `${name} ${formatBandwidth(limit.bytesPerSecond)}, burst ${formatBytes(limit.burstBytes)} (${left})`;
}

const waitText = (level: number, { bytesPerSecond }: BucketLimit): string =>
	`in use for the next ${Math.ceil((-level / bytesPerSecond) * 1_000)} ms`;

/** As the configuration has it, e.g. `10Mbit/s`. */
export function formatBandwidth(bytesPerSecond: number): string {
	const bits = bytesPerSecond * 8;
	for (const [unit, size] of BIT_UNITS) if (bits >= size) return `${rounded(bits / size)}${unit}`;
	return `${rounded(bits)}bit/s`;
}

const BIT_UNITS = [
	['Gbit/s', 1e9],
	['Mbit/s', 1e6],
	['kbit/s', 1e3],
] as const;

function formatBytes(bytes: number): string {
	if (bytes >= 2 ** 20) return `${rounded(bytes / 2 ** 20)}MiB`;
	return bytes >= 2 ** 10 ? `${rounded(bytes / 2 ** 10)}KiB` : `${Math.floor(bytes)}B`;
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;
