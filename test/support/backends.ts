import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Teardown {
	teardown(end: () => void): void;
}

/** A server that greets with its name and then echoes. */
export interface EchoBackend {
	readonly name: string;
	readonly address: string;
	/** Connections open now. */
	readonly sockets: ReadonlySet<Socket>;
}

export async function echoBackend(t: Teardown, name: string): Promise<EchoBackend> {
	const sockets = new Set<Socket>();
	const server: Server = createServer((socket) => {
		sockets.add(socket);
		socket.on('error', () => socket.destroy());
		socket.on('close', () => sockets.delete(socket));
		socket.write(`${name}\n`);
		socket.pipe(socket);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	return { name, address: `127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

/** One client connection, with all it has heard. */
export class EchoClient {
	readonly socket: Socket;
	heard = '';
	/** Set when the other side has ended or reset the connection. */
	ended: 'no' | 'fin' | 'error' = 'no';
	private wake: () => void = () => {};

	constructor(t: Teardown, port: number, localAddress?: string) {
		this.socket = connect({ port, host: '127.0.0.1', ...(localAddress === undefined ? {} : { localAddress }) });
		t.teardown(() => this.socket.destroy());
		this.socket.setEncoding('utf8');
		this.socket.on('data', (chunk) => this.note(() => (this.heard += chunk)));
		this.socket.on('end', () => this.note(() => (this.ended = 'fin')));
		this.socket.on('error', () => this.note(() => (this.ended = 'error')));
	}

	/** The backend's name; rejects when the connection ends before. */
	async greeting(): Promise<string> {
		return (await this.until(() => this.heard.includes('\n'))).split('\n')[0] ?? '';
	}

	/** Sends a line and waits for its echo. */
	async echo(text: string): Promise<void> {
		this.socket.write(`${text}\n`);
		await this.until(() => this.heard.includes(`${text}\n`));
	}

	/** Resolves when the other side has ended the connection. */
	async end(): Promise<'fin' | 'error'> {
		while (this.ended === 'no') await this.next();
		return this.ended;
	}

	close(): void {
		this.socket.end();
	}

	private async until(done: () => boolean): Promise<string> {
		while (!done()) {
			if (this.ended !== 'no') throw new Error(`connection ended (${this.ended}) after ${JSON.stringify(this.heard)}`);
			await this.next();
		}
		return this.heard;
	}

	private next(): Promise<void> {
		return new Promise((resolve) => {
			this.wake = resolve;
		});
	}

	private note(change: () => void): void {
		change();
		this.wake();
	}
}
