import { existsSync } from 'node:fs';
import { openFiles } from '../limits.ts';
import { CERTIFICATE_KINDS, certificateFile, keyFile, pemFiles } from '../tls-files.ts';
import {
	backendAddresses,
	type Contender,
	FEATURE_BYTES_PER_SECOND,
	FEATURE_RULES,
	type Recipe,
	type Site,
	strangeNetworks,
} from './contender.ts';
import { outputOf, versionIn } from './programs.ts';

const MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** nginx with its stream module; one listening socket for each process. */
export function nginx(processes: number): Contender {
	return {
		name: `nginx-${processes}`,
		workers: processes,
		isPeer: true,
		missing: () => {
			if (outputOf('nginx', '-v') === null) return 'the package nginx is not installed';
			return existsSync(MODULE) ? null : 'the package libnginx-mod-stream is not installed';
		},
		version: () => versionIn(outputOf('nginx', '-v')?.text),
		recipe: (site) => recipe(site, processes),
	};
}

function featureLines({ feature }: Site): string {
	switch (feature) {
		case 'shaping':
			return `proxy_download_rate ${FEATURE_BYTES_PER_SECOND}; proxy_upload_rate ${FEATURE_BYTES_PER_SECOND};`;
		case 'access-rules':
			return strangeNetworks(FEATURE_RULES)
				.map((network) => `deny ${network};`)
				.join(' ');
		case 'access-log':
			return 'access_log access.log bench;';
		default:
			return '';
	}
}

function tlsLines({ tls }: Site): string {
	if (tls === null) return '';
	const certificates = CERTIFICATE_KINDS.map(
		(kind) => `ssl_certificate ${certificateFile(kind)}; ssl_certificate_key ${keyFile(kind)};`,
	);
	return `ssl_protocols TLSv1.3; ssl_session_tickets on; ${certificates.join(' ')}`;
}

function recipe(site: Site, processes: number): Recipe {
	const config = `
load_module ${MODULE};
daemon off;
user root;
pid nginx.pid;
error_log error.log error;
worker_processes ${processes};
worker_rlimit_nofile ${openFiles()};
events { worker_connections ${openFiles()}; }
stream {
  log_format bench '$remote_addr [$time_iso8601] $protocol $status $bytes_sent $bytes_received $session_time $upstream_addr';
  upstream bench {
    ${backendAddresses(site)
			.map((address) => `server ${address};`)
			.join('\n    ')}
  }
  server {
    listen 0.0.0.0:${site.port}${site.tls === null ? '' : ' ssl'} reuseport backlog=65535;
    ${featureLines(site)}
    ${tlsLines(site)}
    proxy_pass bench;
    proxy_connect_timeout 5s;
    proxy_timeout 10m;
  }
}
`;
	return {
		files: { 'nginx.conf': config, ...pemFiles(site.tls) },
		command: ['nginx', '-p', '.', '-c', 'nginx.conf', '-e', 'error.log'],
	};
}
