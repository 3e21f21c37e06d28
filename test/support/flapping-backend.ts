import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

interface Teardown {
	teardown(end: () => void): void;
}

/** A backend that greets and echoes, and can go away and come back at the same address. */
export class FlappingBackend {
	private readonly sockets = new Set<Socket>();
	private server: Server | null = null;
	private port = 0;

	static async start(t: Teardown): Promise<FlappingBackend> {
		const backend = new FlappingBackend();
		await backend.comeBack();
		t.teardown(() => backend.goAway());
		return backend;
	}

	get address(): string {
		return `127.0.0.1:${this.port}`;
	}

	async comeBack(): Promise<void> {
		const server = createServer({ noDelay: true }, (socket) => this.serve(socket));
		this.server = server;
		server.listen(this.port, '127.0.0.1');
		await once(server, 'listening');
		this.port = (server.address() as AddressInfo).port;
	}

	/** Refuses from now on, and cuts off whoever is there. */
	goAway(): void {
		this.server?.close();
		this.server = null;
		for (const socket of this.sockets) socket.resetAndDestroy();
	}

	private serve(socket: Socket): void {
		this.sockets.add(socket);
		socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
		socket.write('hello\n');
		socket.pipe(socket);
	}
}
