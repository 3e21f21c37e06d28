import { lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';

/** Removes the file of a unix-domain socket that nobody listens on any more, as a killed process leaves it; never another file. */
export function removeStaleSocket(path: string): Promise<void> {
	return new Promise((resolve) => {
		const probe = connect({ path });
		probe.once('connect', () => {
			probe.destroy();
			resolve();
		});
		probe.once('error', (error: NodeJS.ErrnoException) => {
			if (error.code === 'ECONNREFUSED') removeSocketFile(path);
			resolve();
		});
	});
}

function removeSocketFile(path: string): void {
	try {
		// A plain file refuses connect(2), too.
		if (lstatSync(path).isSocket()) unlinkSync(path);
	} catch {
		// Binding tells what is wrong with it.
	}
}
