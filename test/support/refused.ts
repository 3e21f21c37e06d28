import { connect } from 'node:net';

/** Resolves once connecting to this port is refused: its last listener has closed. */
export async function untilRefused(port: number): Promise<void> {
	for (;;) {
		const socket = connect(port, '127.0.0.1');
		const refused = await new Promise<boolean>((resolve) => {
			socket.once('error', () => resolve(true));
			socket.once('connect', () => resolve(false));
		});
		socket.destroy();
		if (refused) return;
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}
