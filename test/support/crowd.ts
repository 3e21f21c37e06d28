import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { clean } from './clean-node.ts';
import type { BackendReport } from './crowd-backend.ts';
import type { CrowdOrder, CrowdReport } from './crowd-clients.ts';

interface Teardown {
	teardown(end: () => void): void;
}

/** A backend that counts for itself, in its own process. */
export class CountingBackend {
	readonly address: string;
	private readonly child: ChildProcess;

	static async start(t: Teardown): Promise<CountingBackend> {
		const child = start(t, './crowd-backend.ts');
		const [{ port }] = (await once(child, 'message')) as [{ port: number }];
		return new CountingBackend(child, `127.0.0.1:${port}`);
	}

	private constructor(child: ChildProcess, address: string) {
		this.child = child;
		this.address = address;
	}

	async report(): Promise<BackendReport> {
		this.child.send('report');
		const [report] = (await once(this.child, 'message')) as [BackendReport];
		return report;
	}
}

/** Sends a crowd from its own process; resolves with how many came to which end. */
export async function sendCrowd(t: Teardown, order: CrowdOrder): Promise<CrowdReport> {
	const child = start(t, './crowd-clients.ts');
	child.send(order);
	const [report] = (await once(child, 'message')) as [CrowdReport];
	return report;
}

function start(t: Teardown, module: string): ChildProcess {
	const [command, args] = clean(process.execPath, fileURLToPath(new URL(module, import.meta.url)));
	const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
	t.teardown(() => child.kill('SIGKILL'));
	return child;
}
