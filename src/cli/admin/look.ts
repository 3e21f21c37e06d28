import type { Command } from 'commander';
import * as z from 'zod';
import {
	type AlertView,
	alertView,
	type BackendView,
	backendView,
	type ListenerView,
	listenerView,
	type PoolView,
	poolView,
	type SessionView,
	type StatusView,
	sessionPage,
	statusView,
} from '../../control/admin/views.ts';
import { type CommandContext, columns } from '../terminal.ts';
import { ADMIN_HELP, type AdminOptions, askingCommand, clientOf, print } from './options.ts';
import { ageText, bandwidthText, bytesText, ofCap, rateText } from './words.ts';

const listeners = z.array(listenerView);
const pools = z.array(poolView);
const backends = z.array(backendView);
const alerts = z.array(alertView);

/** `sluice status`, `sluice sessions`, `sluice backends`. */
export function addLookCommands(program: Command, { terminal }: CommandContext): void {
	askingCommand(program, 'status', 'Show what a running balancer does: totals, listeners, pools.')
		.addHelpText('after', `\nExample:\n  sluice status --admin unix:/run/sluice.sock\n${ADMIN_HELP}`)
		.action(async (options: AdminOptions) => {
			const client = clientOf(options);
			const [status, listening, pooled, watched] = await Promise.all([
				client.get('/status', statusView),
				client.get('/listeners', listeners),
				client.get('/pools', pools),
				client.get('/alerts', alerts),
			]);
			const answer = { ...status, listeners: listening, pools: pooled, alerts: watched };
			print(terminal, options, answer, [...statusText(status, listening, pooled), ...alertsText(watched)]);
		});

	askingCommand(program, 'backends [pool]', 'List the backends of a running balancer.')
		.addHelpText('after', `\nExample:\n  sluice backends eu --json\n${ADMIN_HELP}`)
		.action(async (pool: string | undefined, options: AdminOptions) => {
			const client = clientOf(options);
			const found =
				pool === undefined
					? await client.get('/backends', backends)
					: (await client.get(`/pools/${encodeURIComponent(pool)}`, poolView)).backends;
			print(terminal, options, found, backendsText(found));
		});

	askingCommand(program, 'sessions', 'List the live sessions of a running balancer.')
		.option('--listener <name>', 'of this listener')
		.option('--pool <name>', 'on this pool')
		.option('--backend <name>', 'on this backend; with --pool')
		.option('--client <address>', 'of this client, an address or a network')
		.option('--country <code>', 'of clients from this country')
		.option('--waiting', 'that a bucket holds back, or that are queued')
		.option('--limit <count>', 'as many at most, 1 to 1000', '100')
		.option('--after <id>', 'go on behind this session, the last one of the list before')
		.addHelpText(
			'after',
			`\nExample:\n  sluice sessions --pool eu --backend eu-1 --client 198.51.100.0/24\n${ADMIN_HELP}`,
		)
		.action(async (options: AdminOptions & Readonly<Record<string, string | true | undefined>>) => {
			const query = new URLSearchParams();
			for (const key of ['listener', 'pool', 'backend', 'client', 'country', 'waiting', 'limit', 'after']) {
				const value = options[key];
				if (value !== undefined) query.set(key, String(value));
			}
			const page = await clientOf(options).get(`/sessions?${query}`, sessionPage);
			const lines = sessionsText(page.sessions);
			print(terminal, options, page, page.next === null ? lines : [...lines, '', `more: --after ${page.next}`]);
		});
}

function statusText(status: StatusView, listening: readonly ListenerView[], pooled: readonly PoolView[]): string[] {
	const { traffic } = status;
	const ended = Object.entries(status.outcomes).filter(([, count]) => count > 0);
	return [
		...columns([
			['sluice', `${status.version}, engine ${status.engine}, ${status.workers} workers, ${status.phase}`],
			['up', `${ageText(status.uptimeMs)}, snapshot ${status.snapshot}, ${status.changes} changes made at run time`],
			[
				'sessions',
				`${ofCap(status.active, status.maxConnections)}, ${rateText(status.sessionsPerSecond)} ended, ${status.queued} queued`,
			],
			['upload', `${bandwidthText(traffic.uploadBytesPerSecond)}, ${bytesText(traffic.uploadBytes)} in all`],
			['download', `${bandwidthText(traffic.downloadBytesPerSecond)}, ${bytesText(traffic.downloadBytes)} in all`],
			['outcomes', ended.length === 0 ? 'none yet' : ended.map(([outcome, count]) => `${outcome} ${count}`).join(', ')],
		]),
		'',
		...columns([
			['LISTENER', 'ADDRESSES', 'ENGINE', 'SESSIONS', 'REFUSED', 'UP', 'DOWN'],
			...listening.map((listener) => [
				listener.name,
				listener.addresses.join(' '),
				listener.engine,
				ofCap(listener.active, listener.maxConnections),
				String(listener.refused),
				bandwidthText(listener.traffic.uploadBytesPerSecond),
				bandwidthText(listener.traffic.downloadBytesPerSecond),
			]),
		]),
		'',
		...columns([
			['POOL', 'BACKENDS', 'SESSIONS', 'QUEUED', 'UP', 'DOWN'],
			...pooled.map((pool) => [
				pool.name,
				`${pool.healthy} of ${pool.backends.length} healthy`,
				ofCap(pool.active, pool.capacity),
				pool.queueSize === null ? '-' : `${pool.queued} of ${pool.queueSize}`,
				bandwidthText(pool.traffic.uploadBytesPerSecond),
				bandwidthText(pool.traffic.downloadBytesPerSecond),
			]),
		]),
	];
}

/** Nothing where there are none. */
const alertsText = (watched: readonly AlertView[]): string[] =>
	watched.length === 0
		? []
		: [
				'',
				...columns([
					['ALERT', 'STATE', 'WHEN', 'NOW', 'SINCE', 'WEBHOOK'],
					...watched.map(({ name, state, when, value, since, webhook, trouble }) => [
						name,
						state,
						when,
						value === null ? '-' : String(Math.round(value * 1_000) / 1_000),
						since,
						[webhook ?? '-', ...(trouble === null ? [] : [trouble])].join(', '),
					]),
				]),
			];

const stateText = ({ health, state, ejected }: BackendView): string =>
	[ejected ? 'ejected' : health, ...(state === 'enabled' ? [] : [state])].join(', ');

const backendsText = (found: readonly BackendView[]): string[] =>
	columns([
		['BACKEND', 'ADDRESS', 'STATE', 'WEIGHT', 'SESSIONS', 'FAILED', 'UP', 'DOWN', 'CHANGED', 'LAST ERROR'],
		...found.map((backend) => [
			`${backend.pool}/${backend.name}`,
			backend.address,
			stateText(backend),
			String(backend.weight),
			ofCap(backend.active, backend.maxConnections),
			String(backend.connectFailures),
			bandwidthText(backend.traffic.uploadBytesPerSecond),
			bandwidthText(backend.traffic.downloadBytesPerSecond),
			backend.changed.join(' ') || '-',
			backend.lastError?.reason ?? '-',
		]),
	]);

const sessionsText = (sessions: readonly SessionView[]): string[] =>
	columns([
		['ID', 'CLIENT', 'COUNTRY', 'LISTENER', 'BACKEND', 'STATE', 'AGE', 'UP', 'DOWN'],
		...sessions.map((session) => [
			session.id,
			session.client ?? 'unix',
			session.country ?? '-',
			session.listener,
			session.pool === null ? '-' : `${session.pool}/${session.backend ?? '?'}`,
			session.throttled ? `${session.state}, throttled` : session.state,
			ageText(session.ageMs),
			bytesText(session.uploadBytes),
			bytesText(session.downloadBytes),
		]),
	]);
