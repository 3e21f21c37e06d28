import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Reply, ReplyReader } from './redis-replies.ts';

interface Waiting {
	resolve(reply: Reply): void;
	reject(error: Error): void;
}

/** One connection that speaks RESP2 (redis.io, "Redis serialization protocol specification"). Calls may be pipelined. */
export class RedisClient {
	/** This end's port: how an access record knows it. */
	readonly localPort: number;
	private readonly socket: Socket;
	private readonly reader = new ReplyReader();
	private readonly waiting: Waiting[] = [];
	private broken: Error | null = null;

	constructor(socket: Socket) {
		this.socket = socket;
		this.localPort = socket.localPort ?? 0;
		socket.on('data', (chunk: Buffer) => {
			for (const reply of this.reader.push(chunk)) this.waiting.shift()?.resolve(reply);
		});
		socket.on('end', () => this.fail(new Error('ended by the other side')));
		socket.on('error', (error) => this.fail(error));
		socket.on('close', () => this.fail(new Error('closed')));
	}

	/** Rejects when the connection ends before the answer, and when the answer is an error. */
	async call(...words: readonly string[]): Promise<Reply> {
		if (this.broken !== null) throw this.broken;
		const answer = new Promise<Reply>((resolve, reject) => this.waiting.push({ resolve, reject }));
		const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
		this.socket.write(`*${words.length}\r\n${parts.join('')}`);
		const reply = await answer;
		if (reply instanceof Error) throw reply;
		return reply;
	}

	close(): void {
		this.socket.end();
	}

	private fail(error: Error): void {
		this.broken ??= error;
		for (const { reject } of this.waiting.splice(0)) reject(this.broken);
	}
}

export async function connectRedis(port: number, host = '127.0.0.1'): Promise<RedisClient> {
	const socket = connect({ port, host, noDelay: true });
	await once(socket, 'connect');
	return new RedisClient(socket);
}
