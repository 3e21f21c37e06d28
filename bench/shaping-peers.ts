/**
 * The two ends of `bench/shaping.ts`, each a process of its own: `sender` is the backend, `receiver` has the
 * clients. A client asks in one line for so many bytes (0: without end) and counts what comes, by time.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type ToPeer =
	| { readonly type: 'open'; readonly id: number; readonly port: number }
	| { readonly type: 'ask'; readonly id: number; readonly bytes: number }
	| { readonly type: 'close'; readonly id: number }
	| { readonly type: 'count' };

export type FromPeer =
	| { readonly type: 'listening'; readonly port: number }
	| { readonly type: 'opened'; readonly id: number; readonly port: number }
	| { readonly type: 'counted'; readonly flows: Readonly<Record<number, Flow>> };

/** What one client has received: cumulated bytes at the end of each slice of time since its first byte. */
export interface Flow {
	/** Monotonic within the process, milliseconds. */
	readonly firstMs: number;
	readonly bySlice: readonly number[];
}

export const SLICE_MS = 50;

const CHUNK = Buffer.alloc(65_536, 'sluice');
const tell = (message: FromPeer): void => {
	process.send?.(message);
};

class Client {
	readonly socket: Socket;
	private firstMs = 0;
	private readonly slices: number[] = [];

	constructor(port: number) {
		this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
		this.socket.on('error', () => {});
		this.socket.on('data', (chunk) => this.note(chunk.length));
	}

	get flow(): Flow {
		let sum = 0;
		const bySlice = Array.from(this.slices, (bytes = 0) => {
			sum += bytes;
			return sum;
		});
		return { firstMs: this.firstMs, bySlice };
	}

	private note(bytes: number): void {
		const nowMs = performance.now();
		if (this.firstMs === 0) this.firstMs = nowMs;
		const slice = Math.floor((nowMs - this.firstMs) / SLICE_MS);
		this.slices[slice] = (this.slices[slice] ?? 0) + bytes;
	}
}

function receive(): void {
	const clients = new Map<number, Client>();
	process.on('message', (message: ToPeer) => {
		if (message.type === 'count') {
			const flows = Object.fromEntries([...clients].map(([id, client]) => [id, client.flow]));
			return tell({ type: 'counted', flows });
		}
		if (message.type === 'open') return open(clients, message);
		const socket = clients.get(message.id)?.socket;
		if (message.type === 'ask') socket?.write(`${message.bytes}\n`);
		else socket?.destroy();
	});
}

function open(clients: Map<number, Client>, { id, port }: { readonly id: number; readonly port: number }): void {
	const client = new Client(port);
	clients.set(id, client);
	client.socket.once('connect', () => tell({ type: 'opened', id, port: client.socket.localPort ?? 0 }));
}

function send(): void {
	const server = createServer({ noDelay: true }, (socket) => {
		socket.on('error', () => {});
		socket.once('data', (line) => pour(socket, Number(String(line)) || Number.POSITIVE_INFINITY));
	});
	server.listen(0, '127.0.0.1', () => tell({ type: 'listening', port: (server.address() as AddressInfo).port }));
}

function pour(socket: Socket, bytes: number): void {
	let left = bytes;
	const pump = (): void => {
		while (left > 0 && !socket.destroyed) {
			const chunk = left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
			left -= chunk.length;
			if (!socket.write(chunk)) return;
		}
	};
	socket.on('drain', pump);
	pump();
}

if (process.argv[2] === 'sender') send();
if (process.argv[2] === 'receiver') receive();
