import { formatTarget } from '../../core/address.ts';
import { type PlaceKind, parseCondition } from '../alerts/condition.ts';
import { absoluteTarget } from './bind-references.ts';
import { unknown } from './wording.ts';
import { list, names, record, text, type Written } from './written.ts';
import type { Finding } from './yaml-document.ts';

interface Places {
	readonly listeners: readonly Written[];
	readonly pools: readonly Written[];
	readonly regions: readonly string[];
	/** That relative paths are relative to. */
	readonly folder: string;
}

/** Places of conditions that the configuration does not have. */
export function checkAlerts(alerts: readonly Written[], places: Places): Finding[] {
	return alerts.flatMap(({ when }, i) => {
		const condition = parseCondition(text(when) ?? '');
		if (!condition.ok || condition.value.place === null) return [];
		const { kind, name } = condition.value.place;
		const known = namesOf(kind, places);
		return known.includes(name) ? [] : [{ path: ['alerts', i, 'when'], message: unknown(kind, name, known) }];
	});
}

function namesOf(kind: PlaceKind, { listeners, pools, regions, folder }: Places): readonly string[] {
	switch (kind) {
		case 'listener':
			return names(listeners);
		case 'region':
			return regions;
		case 'pool':
			return names(pools);
		case 'backend':
			return pools.flatMap((pool) =>
				list(pool.backends)
					.map(record)
					.map(({ name, address }) => {
						const target = absoluteTarget(address, folder);
						return `${text(pool.name)}/${text(name) ?? (target === null ? '' : formatTarget(target))}`;
					}),
			);
	}
}
