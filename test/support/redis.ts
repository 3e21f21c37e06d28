import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import type { Teardown } from './echo.ts';
import { connectRedis } from './redis-client.ts';

/** A real redis-server in a process of its own, that can be killed and started again at the same address. */
export class RedisServer {
	readonly host: string;
	readonly port: number;
	private child: ChildProcess | null = null;

	/**
	 * `host` is a loopback address of its own (all of 127.0.0.0/8 is): while the server is dead nobody else's
	 * connection can come to have its port.
	 */
	static async start(t: Teardown, host: string): Promise<RedisServer> {
		const server = new RedisServer(host, await freePort(host));
		t.teardown(() => server.kill());
		await server.start();
		return server;
	}

	private constructor(host: string, port: number) {
		this.host = host;
		this.port = port;
	}

	get address(): string {
		return `${this.host}:${this.port}`;
	}

	/** Resolves when it answers. */
	async start(): Promise<void> {
		const options = { bind: this.host, port: this.port, save: '', appendonly: 'no', logfile: '', dir: tmpdir() };
		const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
		const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
		this.child = child;
		await new Promise<void>((resolve, reject) => {
			let said = '';
			child.stdout.setEncoding('utf8').on('data', (text) => {
				said += text;
				if (said.includes('Ready to accept connections')) resolve();
			});
			child.once('error', (error) =>
				reject(new Error(`redis-server (apt-get install redis-server): ${error.message}`)),
			);
			child.once('exit', (code) => reject(new Error(`redis-server ended (${code}):\n${said}`)));
		});
		const client = await connectRedis(this.port, this.host);
		await client.call('PING');
		client.close();
	}

	/** SIGKILL: its connections are cut by the kernel. Resolves when it is gone. */
	async kill(): Promise<void> {
		const { child } = this;
		this.child = null;
		if (child === null || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
		child.kill('SIGKILL');
		await once(child, 'exit');
	}
}

async function freePort(host: string): Promise<number> {
	const server = createServer().listen(0, host);
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	server.close();
	await once(server, 'close');
	return port;
}
