import { lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server } from 'node:net';
import type { SocketTarget } from '../core/address.ts';
import { bindFailure } from '../core/bind-failure.ts';
import { EXIT, errorText, SluiceError } from '../core/errors.ts';
import type { BindSnapshot } from '../core/snapshot.ts';

/** One address a listener wants. */
export interface WantedBind {
	readonly listener: string;
	readonly bind: BindSnapshot;
	/** An address of ours overlaps it (`[::]` and `0.0.0.0`): it may share the port. Absent: it may not. */
	readonly shared?: boolean;
}

/** Of what Node has thrown: an unknown errno speaks for itself. */
function failureText({ listener, bind }: WantedBind, error: unknown): string {
	const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
	return bindFailure(listener, bind.target, code, errorText(error));
}

/**
 * Binds every address once, without SO_REUSEPORT, so that a second instance (or a listener named twice)
 * fails; frees them all again and answers them with real ports, in the same order. All or nothing.
 * @throws SluiceError `cannot-bind`, exit code 2, with one line per address that failed.
 */
export async function proveFree(wanted: readonly WantedBind[]): Promise<BindSnapshot[]> {
	const held: Server[] = [];
	const real: BindSnapshot[] = [];
	const failures: string[] = [];
	try {
		// One after the other: a port given for 0 must not be one that a later entry names.
		for (const entry of wanted) {
			const { bind } = entry;
			try {
				const server = await listenOnce(bind, entry.shared ?? false);
				held.push(server);
				real.push({ target: boundTarget(server, bind.target), v6Only: bind.v6Only });
			} catch (error) {
				failures.push(failureText(entry, error));
			}
		}
	} finally {
		await Promise.all(held.map(closed));
	}
	if (failures.length > 0) {
		throw new SluiceError('cannot-bind', failures.join('\n'), { exitCode: EXIT.cannotStart });
	}
	return real;
}

/** Whether several sockets may listen on one address here (SO_REUSEPORT with balancing). */
export async function reusePortWorks(): Promise<boolean> {
	try {
		await closed(await listening({ host: '127.0.0.1', port: 0, reusePort: true }));
		return true;
	} catch {
		return false;
	}
}

async function listenOnce(bind: BindSnapshot, reusePort: boolean): Promise<Server> {
	const { target } = bind;
	if (target.type === 'tcp') {
		return listening({ host: target.host, port: target.port, ipv6Only: bind.v6Only, reusePort });
	}
	await removeStaleSocket(target.path);
	return listening({ path: target.path });
}

function listening(options: ListenOptions): Promise<Server> {
	return new Promise((resolve, reject) => {
		const server = createServer((socket) => socket.destroy());
		server.once('error', reject);
		server.listen(options, () => resolve(server));
	});
}

function closed(server: Server): Promise<void> {
	return new Promise((resolve) => {
		server.close(() => resolve());
	});
}

function boundTarget(server: Server, asked: SocketTarget): SocketTarget {
	const address = server.address();
	if (asked.type === 'unix' || address === null || typeof address === 'string') return asked;
	return { type: 'tcp', host: asked.host, port: address.port };
}

/** A socket file that nobody listens on is what a killed process leaves; it is in nobody's way. */
export function removeStaleSocket(path: string): Promise<void> {
	return new Promise((resolve) => {
		const socket = connect({ path });
		socket.once('connect', () => {
			socket.destroy();
			resolve();
		});
		socket.once('error', (error: NodeJS.ErrnoException) => {
			if (error.code === 'ECONNREFUSED') removeSocketFile(path);
			resolve();
		});
	});
}

/** What cannot be removed is told by the bind that follows. */
function removeSocketFile(path: string): void {
	try {
		// A plain file refuses a connect, too, and is not ours to remove.
		if (lstatSync(path).isSocket()) unlinkSync(path);
	} catch {
		// Somebody else has removed it meanwhile, or it is not ours to remove.
	}
}
