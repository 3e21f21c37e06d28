import type { DiffView } from '../admin/views.ts';
import { type ConfigDiff, describeDiff } from '../config/diff.ts';

/** What a reload changes, as the API tells it. */
export const diffView = (diff: ConfigDiff): DiffView => ({
	summary: describeDiff(diff),
	listeners: changesOf(diff.listeners),
	pools: changesOf(diff.pools),
	backends: changesOf(diff.backends),
	regions: changesOf(diff.regions),
	settings: [...diff.settings],
	restart: [...diff.restart],
});

const changesOf = ({ added, removed, changed }: ConfigDiff['pools']): DiffView['pools'] => ({
	added: [...added],
	removed: [...removed],
	changed: [...changed],
});
