import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Teardown } from './echo.ts';

/** An address that refuses connects: it was free a moment ago. */
export async function refusingAddress(): Promise<string> {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	server.close();
	await once(server, 'close');
	return `127.0.0.1:${port}`;
}

/** A folder of its own for unix sockets: their paths must be short. */
export function socketFolder(t: Teardown): (name: string) => string {
	const folder = mkdtempSync(join(tmpdir(), 'sl-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	return (name) => join(folder, name);
}

/** Descriptors open in this process, which holds both ends of every connection of a test. Linux. */
export const descriptors = (): number => readdirSync('/proc/self/fd').length;
