import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { outputOf } from './contenders/programs.ts';

/** Set in the process that runs inside the bench's own network namespace. */
const INSIDE = 'SLUICE_BENCH_NAMESPACE';
/** From the range of a British access provider; in the namespace it is this machine's, and nobody else is asked. */
export const BENCH_HOST = '81.2.69.142';
/** Few sockets in TIME_WAIT: otherwise the search for a free port grows with every run. */
const SETTINGS: Readonly<Record<string, string>> = {
	'ipv4/tcp_max_tw_buckets': '1024',
	'ipv4/ip_local_port_range': '10000 65535',
	'ipv4/tcp_max_syn_backlog': '65535',
	'core/somaxconn': '65535',
};

/** What Linux has by default, and what every namespace may have. BBR would set a timer for each burst, which costs a proxy as much as the bytes do. */
const CONGESTION_CONTROLS = ['cubic', 'reno'];

/** Why there can be no namespace here, or null. */
function whyNot(flags: readonly string[]): string | null {
	if (outputOf('ip', '-V') === null) return 'the package iproute2 is not installed';
	const tried = outputOf('unshare', ...flags, 'true');
	if (tried === null) return 'the package util-linux is not installed';
	return tried.ok ? null : tried.text.trim();
}

/**
 * Runs this very command again in a network namespace of its own and answers its exit code; null when this is
 * that run already.
 */
export function runInNamespace(script: string, args: readonly string[]): number | null {
	if (process.env[INSIDE] !== undefined) {
		settle();
		return null;
	}
	const flags = process.getuid?.() === 0 ? ['--net'] : ['--map-root-user', '--net'];
	const why = whyNot(flags);
	if (why !== null) {
		console.error(`bench: no network namespace of its own, so no numbers worth keeping: ${why}`);
		return 2;
	}
	const env = { ...process.env, [INSIDE]: '1' };
	const command = [...flags, 'setpriv', '--pdeathsig', 'KILL', process.execPath, script, ...args];
	return spawnSync('unshare', command, { stdio: 'inherit', env }).status ?? 1;
}

function settle(): void {
	outputOf('ip', 'link', 'set', 'lo', 'up');
	outputOf('ip', 'address', 'add', `${BENCH_HOST}/32`, 'dev', 'lo');
	for (const [name, value] of Object.entries(SETTINGS)) {
		if (!set(name, value)) console.error(`bench: cannot set net/${name}; connect-heavy figures will drift`);
	}
	if (!CONGESTION_CONTROLS.some((name) => set('ipv4/tcp_congestion_control', name)))
		console.error('bench: cannot set net/ipv4/tcp_congestion_control; bulk figures are those of its pacing');
}

function set(name: string, value: string): boolean {
	try {
		writeFileSync(`/proc/sys/net/${name}`, value);
		return true;
	} catch {
		return false;
	}
}
