import { lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server } from 'node:net';
import { formatTarget, type SocketTarget } from '../core/address.ts';
import { EXIT, errorText, SluiceError } from '../core/errors.ts';
import type { BindSnapshot } from '../core/snapshot.ts';

/** One address a listener wants. */
export interface WantedBind {
	readonly listener: string;
	readonly bind: BindSnapshot;
	/** An address of ours overlaps it (`[::]` and `0.0.0.0`): it may share the port. Absent: it may not. */
	readonly shared?: boolean;
}

/** What the errno of a failed bind means to an operator (bind(2)). */
const CAUSES: Readonly<Record<string, string>> = {
	EADDRINUSE: 'address in use',
	EACCES: 'permission denied',
	EPERM: 'permission denied',
	EADDRNOTAVAIL: 'address is not local',
	EAFNOSUPPORT: 'address family not supported',
	ENOTFOUND: 'no such host',
	ENOENT: 'no such directory',
	// Of unix-domain sockets: unix(7) gives sun_path 108 bytes with its end mark.
	EINVAL: 'path too long (107 bytes at most)',
};

/** `listener game: cannot bind 0.0.0.0:7000: address in use`. */
export function bindFailure(listener: string, target: SocketTarget, error: unknown): string {
	const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
	return `listener ${listener}: cannot bind ${formatTarget(target)}: ${CAUSES[code] ?? errorText(error)}`;
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
		for (const { listener, bind, shared } of wanted) {
			try {
				const server = await listenOnce(bind, shared ?? false);
				held.push(server);
				real.push({ target: boundTarget(server, bind.target), v6Only: bind.v6Only });
			} catch (error) {
				failures.push(bindFailure(listener, bind.target, error));
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
function removeStaleSocket(path: string): Promise<void> {
	return new Promise((resolve) => {
		const socket = connect({ path });
		socket.once('connect', () => {
			socket.destroy();
			resolve();
		});
		socket.once('error', (error: NodeJS.ErrnoException) => {
			// A plain file refuses a connect, too, and is not ours to remove.
			if (error.code === 'ECONNREFUSED' && lstatSync(path).isSocket()) unlinkSync(path);
			resolve();
		});
	});
}
