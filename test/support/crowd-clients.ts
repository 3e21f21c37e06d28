/** A crowd of clients in a process of its own: a bounded number at once, each with one ending to tell. */
import { connect } from 'node:net';

export interface CrowdOrder {
	readonly port: number;
	readonly clients: number;
	/** How many are connected or connecting at any time. */
	readonly atOnce: number;
	/** Round trips of a client that is served. */
	readonly pings: number;
}

/**
 * `served`: greeted, every ping echoed, FIN for FIN. `refused`: a FIN without a byte. What is neither is told
 * in its own words, and is a fault.
 */
export type CrowdReport = Readonly<Record<string, number>>;

process.once('message', (order: CrowdOrder) => {
	void flood(order).then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit());

async function flood({ port, clients, atOnce, pings }: CrowdOrder): Promise<CrowdReport> {
	const report: Record<string, number> = {};
	let started = 0;
	const oneAfterAnother = async (): Promise<void> => {
		while (started < clients) {
			started += 1;
			const ending = await visit(port, pings);
			report[ending] = (report[ending] ?? 0) + 1;
		}
	};
	await Promise.all(Array.from({ length: atOnce }, oneAfterAnother));
	return report;
}

function visit(port: number, pings: number): Promise<string> {
	return new Promise((resolve) => {
		const socket = connect({ host: '127.0.0.1', port, noDelay: true });
		const script = `hello\n${'ping\n'.repeat(pings)}`;
		let heard = '';
		socket.setEncoding('latin1');
		socket.on('data', (text) => {
			heard += text;
			if (heard === script) socket.end();
			else if (script.startsWith(heard) && heard.endsWith('\n')) socket.write('ping\n');
		});
		socket.on('end', () => {
			if (heard === script) resolve('served');
			else resolve(heard === '' ? 'refused' : `FIN after ${JSON.stringify(heard)}`);
		});
		socket.on('error', (error) => resolve(`${error.message} after ${JSON.stringify(heard)}`));
	});
}
