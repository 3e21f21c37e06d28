import { readFileSync } from 'node:fs';

/** Which processors the proxy and the load run on, as `taskset -c` takes them. */
export interface Placement {
	readonly proxy: string;
	readonly load: string;
	/** Proxy and load compete for the same processors. */
	readonly shared: boolean;
}

/** The processors this process may use. */
export function usableCores(): number[] {
	const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
	return list.split(',').flatMap((range) => {
		const [first = 0, last = first] = range.split('-').map(Number);
		return Array.from({ length: last - first + 1 }, (_, i) => first + i);
	});
}

/** One processor for each of the proxy's workers, the others for the load; all of them for both when there are too few. */
export function placementFor(workers: number, cores: readonly number[]): Placement {
	const proxy = cores.slice(0, workers);
	const load = cores.slice(workers);
	const shared = load.length === 0;
	return { proxy: proxy.join(','), load: (shared ? cores : load).join(','), shared };
}
