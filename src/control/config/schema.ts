import * as z from 'zod';
import { LOG_LEVELS } from '../../core/record.ts';
import { about, count, duration, maxConnections, overflow, rates, section } from './fields.ts';
import { path } from './fields-secrets.ts';
import { admin } from './schema-admin.ts';
import { alerts } from './schema-alerts.ts';
import { geo } from './schema-geo.ts';
import { listener } from './schema-listeners.ts';
import { pool } from './schema-pools.ts';

const log = section({
	level: z
		.enum(LOG_LEVELS)
		.default('info')
		.meta(
			about(
				'The least important lines to write: `debug`, `info`, `warn` or `error`. What operators change is told at every level, with who asked.',
				'warn',
			),
		),
	access: z
		.enum(['all', 'errors', 'none'])
		.default('all')
		.meta(about('Which sessions get an access record: `all`, `errors` (all but `completed`) or `none`.', 'errors')),
});

const limits = section({
	maxConnections: maxConnections()
		.optional()
		.meta(
			about(
				'Sessions of the whole process at once.',
				9_000,
				'floor((open files - 256) / 2), less the pipes of the epoll engine',
			),
		),
	rate: rates().meta(about('New connections of the whole process; of a list, all must hold.', '2000/s', 'no limit')),
	overflow: overflow().meta(
		about(
			"What happens above them: `refuse` closes at once, `wait` leaves clients in the kernel's queue until there is room (epoll engine only).",
			'wait',
		),
	),
});

/**
 * The whole configuration language: the one place that says which keys exist, what they default to and
 * what they mean. The JSON Schema and `config/REFERENCE.md` are made from it. To add a key, add it here
 * with its `about`, use it in `compile.ts`, show it in `config/reference.yaml` and run `npm run reference`.
 */
export const configSchema = section({
	engine: z
		.enum(['auto', 'epoll', 'node'])
		.default('auto')
		.meta(
			about(
				'What moves the bytes: `epoll` calls the Linux kernel itself (and hands small messages to io_uring where the kernel lets it, which `sysctl kernel.io_uring_disabled=2` forbids), `node` is `node:net`; `auto` takes epoll where it works, else node, and says why. `epoll` never falls back. Listeners that terminate TLS, or whose pools speak it, run on node whatever this says, on workers of their own. A change needs a restart.',
				'node',
			),
		),
	workers: z
		.union([z.enum(['auto']), count(1, 256)], { error: 'expected auto or a whole number from 1 to 256' })
		.default('auto')
		.meta(
			about('Worker threads of each engine in use: `auto` is one per core, or a number. A change needs a restart.', 4),
		),
	log: log.prefault({}).meta(about('JSON lines on standard output.', { level: 'info', access: 'errors' })),
	limits: limits.prefault({}).meta(about('Limits of the whole process.', { maxConnections: 9_000 })),
	drain: duration({ atLeast: 0 })
		.prefault('30s')
		.meta(about('How long sessions may go on after SIGTERM, or on a removed backend.', '2m')),
	watch: z
		.boolean()
		.default(false)
		.meta(
			about(
				'Reload when the file changes: when it is written, replaced, or what a symlink leads to is; or a file that `admin` or `alerts` names. What is in force already, by a SIGHUP for example, is not loaded again.',
				true,
			),
		),
	state: path()
		.optional()
		.meta(
			about(
				'A file that keeps what was changed at run time over a restart. A change of this key needs a restart.',
				'/var/lib/sluice/state.json',
				'forgotten at a restart',
			),
		),
	admin: admin
		.optional()
		.meta(about('The admin API, metrics and dashboard, over HTTP.', { bind: '127.0.0.1:9900' }, 'off')),
	alerts: alerts(),
	history: path()
		.optional()
		.meta(
			about(
				'A file (SQLite) that keeps the totals of the last 24 hours, so that the dashboard has a past after a restart. A change of this key needs a restart.',
				'/var/lib/sluice/history.db',
				'off',
			),
		),
	preStop: duration({ atLeast: 0 }).prefault('0s').meta(about('Time between SIGTERM and the end of accepting.', '5s')),
	geo: geo.prefault({}).meta(about('Where clients come from.', { regions: { eu: { continents: ['europe'] } } })),
	listeners: z
		.array(listener)
		.min(1)
		.meta(about('Where clients connect.', [{ name: 'game', bind: '0.0.0.0:7000', routes: [{ to: ['eu'] }] }])),
	pools: z
		.array(pool)
		.min(1)
		.meta(
			about('Groups of backends that do the same job.', [{ name: 'eu', backends: [{ address: '10.1.0.1:7000' }] }]),
		),
});

/** What may be written: units as text, keys with defaults left out. */
export type ConfigInput = z.input<typeof configSchema>;
/**
 * A valid configuration: defaults filled in, durations in milliseconds, rates as `RateLimit` lists,
 * addresses as `SocketTarget`. Key names are those of the file.
 */
export type Config = z.output<typeof configSchema>;
export type ListenerConfig = Config['listeners'][number];
export type RouteConfig = ListenerConfig['routes'][number];
export type PoolConfig = Config['pools'][number];
export type BackendConfig = PoolConfig['backends'][number];
export type RegionConfig = Config['geo']['regions'][string];
