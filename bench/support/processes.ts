import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of user and system time in a second (sysconf(_SC_CLK_TCK)); 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const NANOSECONDS = 1e9;
const KIBIBYTE = 1024;
/** Fields of /proc/PID/stat after the name, which may hold blanks (proc(5)). */
const PARENT = 1;
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

/** The fields of a process's stat after its name; null when it has gone. */
function statOf(pid: number): readonly string[] | null {
	try {
		const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
		return text.slice(text.lastIndexOf(')') + 2).split(' ');
	} catch {
		return null;
	}
}

/** User and system time of all threads of these processes, to 10 ms. */
export function cpuSeconds(pids: readonly number[]): number {
	let ticks = 0;
	for (const pid of pids) {
		const stat = statOf(pid);
		if (stat !== null) ticks += Number(stat[USER_TICKS]) + Number(stat[SYSTEM_TICKS]);
	}
	return ticks / TICKS_PER_SECOND;
}

/** CPU time of a process by the scheduler's own clock, to the nanosecond: of its main thread, and of all others. */
export function cpuByThread(pid: number): { readonly main: number; readonly others: number } {
	let [main, others] = [0, 0];
	for (const thread of readdirSync(`/proc/${pid}/task`)) {
		const [ran = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
		if (Number(thread) === pid) main = Number(ran) / NANOSECONDS;
		else others += Number(ran) / NANOSECONDS;
	}
	return { main, others };
}

/** Resident memory of these processes, shared pages divided among those that share them. */
export function residentBytes(pids: readonly number[]): number {
	let bytes = 0;
	for (const pid of pids) {
		const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
		bytes += Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * KIBIBYTE;
	}
	return bytes;
}

/** The process and all that it has started. */
export function familyOf(pid: number): number[] {
	const children = new Map<number, number[]>();
	for (const name of readdirSync('/proc')) {
		const stat = /^\d+$/.test(name) ? statOf(Number(name)) : null;
		if (stat === null) continue;
		const parent = Number(stat[PARENT]);
		children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
	}
	const family = [pid];
	for (const member of family) family.push(...(children.get(member) ?? []));
	return family;
}
