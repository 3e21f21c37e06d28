import { SluiceError } from '../../core/errors.ts';
import { backendName } from '../config/compile.ts';
import type { BackendConfig, Config } from '../config/schema.ts';

/** What has buckets of its own that may be changed at run time. */
export const SHAPED_KINDS = ['listener', 'region', 'pool', 'backend'] as const;

/** A backend's name is `pool/backend`. */
export interface ShapedPlace {
	readonly kind: (typeof SHAPED_KINDS)[number];
	readonly name: string;
}

/** Both directions; a key that is absent stays as it is, an undefined value is unlimited. */
export type Terms = Partial<Pick<BackendConfig, 'upload' | 'download'>>;

/** `listener NAME`, `region NAME`, `pool NAME` or `backend POOL/NAME`. @throws SluiceError `not-found` */
export function parsePlace(text: string): ShapedPlace {
	const [word = '', ...rest] = text.split(' ');
	const kind = SHAPED_KINDS.find((known) => known === word);
	if (kind !== undefined && rest.length > 0) return { kind, name: rest.join(' ') };
	throw new SluiceError('not-found', `${text}: expected listener NAME, region NAME, pool NAME or backend POOL/NAME`);
}

/** Whether the configuration has such a place. */
export function hasPlace(config: Config, { kind, name }: ShapedPlace): boolean {
	switch (kind) {
		case 'listener':
			return config.listeners.some((listener) => listener.name === name);
		case 'region':
			return Object.hasOwn(config.geo.regions, name);
		case 'pool':
			return config.pools.some((pool) => pool.name === name);
		case 'backend':
			return config.pools.some((pool) => pool.backends.some((backend) => nameIn(pool.name, backend) === name));
	}
}

const nameIn = (pool: string, backend: BackendConfig): string => `${pool}/${backendName(backend)}`;

/** The configuration with these buckets at one place; the same one when it has no such place. */
export function shapePlace(config: Config, { kind, name }: ShapedPlace, terms: Terms): Config {
	switch (kind) {
		case 'listener':
			return {
				...config,
				listeners: config.listeners.map((one) => (one.name === name ? shapeListener(one, terms) : one)),
			};
		case 'region': {
			const region = config.geo.regions[name];
			if (region === undefined) return config;
			return {
				...config,
				geo: { ...config.geo, regions: { ...config.geo.regions, [name]: withTerms(region, terms) } },
			};
		}
		case 'pool':
			return { ...config, pools: config.pools.map((pool) => (pool.name === name ? withTerms(pool, terms) : pool)) };
		case 'backend':
			return {
				...config,
				pools: config.pools.map((pool) => ({
					...pool,
					backends: pool.backends.map((one) => (nameIn(pool.name, one) === name ? withTerms(one, terms) : one)),
				})),
			};
	}
}

type Listener = Config['listeners'][number];

function shapeListener(listener: Listener, terms: Terms): Listener {
	const { shaping } = listener;
	const direction = (way: 'upload' | 'download'): Listener['shaping']['upload'] =>
		way in terms ? { ...shaping[way], listener: terms[way] } : shaping[way];
	return { ...listener, shaping: { upload: direction('upload'), download: direction('download') } };
}

const withTerms = <T extends Terms>(place: T, terms: Terms): T => ({ ...place, ...terms });
