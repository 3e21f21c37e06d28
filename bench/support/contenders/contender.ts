import type { TlsFiles } from '../tls-files.ts';

/** What a proxy may have to do besides: each alone, on top of the same baseline. */
export const FEATURES = ['shaping', 'access-rules', 'backends', 'access-log'] as const;
export type Feature = (typeof FEATURES)[number];

export const FEATURE_RULES = 1_000;
export const FEATURE_BACKENDS = 1_000;
/** 100 Gbit/s, more than one processor moves: the cost is that of asking. */
export const FEATURE_BYTES_PER_SECOND = 12_500_000_000;
/** What HAProxy and nginx are not asked for, and Sluice is, always: its goals are with policy on. */
export const BASELINE_NETWORKS = 100;
export const BASELINE_BACKEND_CAP = 60_000;

/** The addresses of one run; everything happens in a network namespace of its own. */
export interface Site {
	/** A public address: whoever connects to it comes from it, so that a country is looked up in the database. */
	readonly host: string;
	readonly port: number;
	readonly backendPort: number;
	/** A folder for configuration, logs and the like. */
	readonly folder: string;
	readonly feature: Feature | null;
	/** It terminates TLS 1.3 with these certificates; null: plain TCP. */
	readonly tls: TlsFiles | null;
}

/** How a contender is started: its files by name, and the command in that folder. */
export interface Recipe {
	readonly files: Readonly<Record<string, string>>;
	readonly command: readonly string[];
}

/** One proxy in one set-up. */
export interface Contender {
	/** As in results: `haproxy-1`. */
	readonly name: string;
	/** Threads or processes that carry bytes. */
	readonly workers: number;
	/** Ratios are against the better of these. */
	readonly isPeer: boolean;
	/** Why it cannot run here at all, or null. `site` is for trying a configuration. */
	missing(site: Site): string | null;
	/** Its version, for the record. */
	version(): string;
	/** How to start it, or why it has not got that feature. */
	recipe(site: Site): Recipe | string;
}

/** `127.0.0.1` alone, or one address for each of many backends; all are the same process. */
export function backendAddresses(site: Site): string[] {
	if (site.feature !== 'backends') return [`127.0.0.1:${site.backendPort}`];
	return Array.from({ length: FEATURE_BACKENDS }, (_, i) => `127.1.${i >> 7}.${1 + (i & 127)}:${site.backendPort}`);
}

/** Networks that no client of the bench is in. */
export function strangeNetworks(count: number): string[] {
	return Array.from({ length: count }, (_, i) => `10.${i >> 7}.${2 * (i & 127)}.0/24`);
}
