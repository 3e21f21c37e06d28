import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Teardown } from './echo.ts';
import { programFolder, startProgram } from './peer-program.ts';

/** nginx in a process of its own. */
export interface Nginx {
	/** Its error log, from level `info` on. */
	readonly errors: string;
}

/** Where Debian's package libnginx-mod-stream puts it. */
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

const configOf = (at: (file: string) => string, servers: readonly string[]): string => `
load_module ${STREAM_MODULE};
daemon off;
master_process off;
pid ${at('pid')};
error_log ${at('errors')} info;
events { worker_connections 500; }
stream {
${servers.join('\n')}
}
`;

/** `servers`: the blocks of its stream module. */
export async function startNginx(t: Teardown, servers: readonly string[]): Promise<Nginx> {
	if (!existsSync(STREAM_MODULE)) throw new Error('apt-get install nginx libnginx-mod-stream');
	const at = programFolder(t, 'nginx');
	writeFileSync(at('nginx.conf'), configOf(at, servers));
	// It writes this file once it listens.
	const ready = async (): Promise<boolean> => existsSync(at('pid'));
	await startProgram(t, 'nginx', ['-p', at(''), '-c', at('nginx.conf'), '-e', at('errors')], ready);
	return {
		get errors() {
			return readFileSync(at('errors'), 'utf8');
		},
	};
}
