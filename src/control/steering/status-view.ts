import { NS_PER_MS } from '../../core/units.ts';
import type { StatusView, Traffic } from '../admin/views.ts';
import type { Sampler } from './sampler.ts';
import { type Steered, snapshotOf } from './steered.ts';

/** When it started, by both clocks. */
export interface Started {
	readonly wallMs: number;
	readonly ns: number;
}

/** The whole balancer at one moment. @throws SluiceError before the first snapshot. */
export function statusView(steered: Steered, sampler: Sampler, started: Started): StatusView {
	const { board, clock, version, engine, phase, file, log, config, changes, recordsDropped, stats } = steered;
	const { id, process, geo, listeners, pools } = snapshotOf(steered);
	const active = board.active(process.slot);
	const rates = listeners.map(({ slot }) => sampler.ratesOf(slot).sessionsPerSecond);
	return {
		version,
		startedAt: new Date(started.wallMs).toISOString(),
		uptimeMs: (clock.nowNs() - started.ns) / NS_PER_MS,
		phase,
		engine,
		workers: steered.workers().length,
		snapshot: id,
		configuration: file,
		active,
		maxConnections: process.maxConnections,
		sessions: [...stats.outcomes().values()].reduce((total, count) => total + count, 0),
		sessionsPerSecond: rates.reduce((total, rate) => total + rate, 0),
		queued: pools.reduce((total, { queue }) => total + (queue === null ? 0 : board.waiting(queue.number)), 0),
		throttledShare: throttledShare(steered, active),
		traffic: sumOf(listeners.map(({ slot }) => sampler.trafficOf(slot))),
		outcomes: Object.fromEntries([...stats.outcomes()].filter(([, count]) => count > 0)),
		recordsDropped,
		logLevel: log.currentLevel,
		geoDatabase: geo.database === 'embedded' ? 'embedded' : config.geo.database,
		changes: changes.size,
	};
}

function sumOf(traffics: readonly Traffic[]): Traffic {
	const sum = (key: keyof Traffic): number => traffics.reduce((total, traffic) => total + traffic[key], 0);
	return {
		uploadBytes: sum('uploadBytes'),
		downloadBytes: sum('downloadBytes'),
		uploadBytesPerSecond: sum('uploadBytesPerSecond'),
		downloadBytesPerSecond: sum('downloadBytesPerSecond'),
	};
}

/** The sessions were counted within the last second, one after another: close enough for a share. */
function throttledShare({ workers, stats }: Steered, active: number): number {
	const throttled = workers().reduce((sum, worker) => sum + stats.gauge(worker, 'throttledSessions'), 0);
	return active === 0 ? 0 : Math.min(1, throttled / active);
}
