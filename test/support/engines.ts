/** The engines of this build, as the configuration calls them. */
export type EngineName = 'node' | 'epoll';

/** Those that a platform has to run: on Linux both, whatever is missing there. */
export const enginesOf = (platform: string): readonly EngineName[] =>
	platform === 'linux' ? ['node', 'epoll'] : ['node'];

/** Those that should have run and did not. The suite fails by it: an engine that cannot run is no reason to skip. */
export const missingEngines = (asked: readonly EngineName[], ran: ReadonlySet<string>): readonly EngineName[] =>
	asked.filter((engine) => !ran.has(engine));
