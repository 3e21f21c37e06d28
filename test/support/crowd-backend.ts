/**
 * A backend in a process of its own that counts for itself: greets, echoes, and keeps the most connections it
 * ever had open. A connection counts from its accept until this side sees its end, before it answers with its
 * own FIN: so whoever waits for that FIN before giving the place to another is never seen one too many.
 */
import { type AddressInfo, createServer } from 'node:net';

export interface BackendReport {
	readonly open: number;
	readonly peak: number;
	readonly accepted: number;
	/** Connections that ended otherwise than by a FIN. */
	readonly broken: number;
}

let open = 0;
let peak = 0;
let accepted = 0;
let broken = 0;

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
	open += 1;
	accepted += 1;
	peak = Math.max(peak, open);
	let counted = true;
	const left = (): void => {
		if (counted) open -= 1;
		counted = false;
	};
	socket.write('hello\n');
	socket.on('data', (chunk) => socket.write(chunk));
	socket.on('end', () => {
		left();
		socket.end();
	});
	socket.on('error', () => {});
	socket.on('close', () => {
		if (counted) broken += 1;
		left();
	});
});

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('message', () => process.send?.({ open, peak, accepted, broken } satisfies BackendReport));
process.on('disconnect', () => process.exit());
