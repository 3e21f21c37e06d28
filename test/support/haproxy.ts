import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Teardown } from './echo.ts';
import { programFolder, startProgram } from './peer-program.ts';

/** HAProxy in a process of its own. */
export interface Haproxy {
	/** Its log: a line for each connection. */
	readonly said: string;
	/** A word at its command socket, and the answer. */
	ask(command: string): Promise<string>;
}

const HEAD = (socket: string): string => `
global
	log stdout format raw local0
	stats socket ${socket}
	ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
	log global
	option tcplog
	timeout connect 10s
	timeout client 10s
	timeout server 10s
`;

/** `sections`: what follows the defaults in its configuration. */
export async function startHaproxy(t: Teardown, sections: readonly string[]): Promise<Haproxy> {
	const at = programFolder(t, 'haproxy');
	const socket = at('s');
	writeFileSync(at('haproxy.cfg'), `${HEAD(socket)}${sections.join('\n')}\n`);
	const ask = (command: string): Promise<string> => askAt(socket, command);
	// It opens this socket with all others.
	const ready = (): Promise<boolean> =>
		ask('show info').then(
			() => true,
			() => false,
		);
	const program = await startProgram(t, 'haproxy', ['-db', '-f', at('haproxy.cfg')], ready);
	return {
		get said() {
			return program.said;
		},
		ask,
	};
}

async function askAt(path: string, command: string): Promise<string> {
	const socket = connect({ path });
	let answer = '';
	socket.setEncoding('utf8').on('data', (text: string) => {
		answer += text;
	});
	socket.end(`${command}\n`);
	await once(socket, 'close');
	return answer;
}
