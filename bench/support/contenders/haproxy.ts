import { MOST_PIPES, mostSessions } from '../limits.ts';
import { CERTIFICATE_KINDS, type TlsFiles } from '../tls-files.ts';
import {
	backendAddresses,
	type Contender,
	FEATURE_RULES,
	type Recipe,
	type Site,
	strangeNetworks,
} from './contender.ts';
import { outputOf, versionIn } from './programs.ts';

/** With the kernel's default of 64 KiB it moves half as much. */
const PIPE_BYTES = 2 ** 20;
/** With a file for each kind of key, certificate and key in one, this name is all of them. */
const BUNDLE = 'bench.pem';

/** HAProxy in TCP mode, splicing: by itself (`splice-auto`) it copies these streams. */
export function haproxy(threads: number): Contender {
	return {
		name: `haproxy-${threads}`,
		workers: threads,
		isPeer: true,
		missing: () => (outputOf('haproxy', '-v') === null ? 'the package haproxy is not installed' : null),
		version: () => versionIn(outputOf('haproxy', '-v')?.text),
		recipe: (site) => recipe(site, threads),
	};
}

function recipe(site: Site, threads: number): Recipe | string {
	if (site.feature === 'shaping') return 'HAProxy limits bandwidth from 2.7 on, Debian 12 has 2.6';
	const logs = site.feature === 'access-log';
	const config = `
global
  maxconn ${mostSessions()}
  maxpipes ${MOST_PIPES}
  tune.pipesize ${PIPE_BYTES}
  nbthread ${threads}
${logs ? '  log stdout format raw local0' : ''}
defaults
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
  option splice-request
  option splice-response
  option dontlognull
${logs ? '  log global\n  option tcplog' : ''}
frontend bench
  bind 0.0.0.0:${site.port}${site.tls === null ? '' : ` ssl crt ${BUNDLE} ssl-min-ver TLSv1.3`}
  maxconn ${mostSessions()}
${site.feature === 'access-rules' ? '  tcp-request connection reject if { src -f rules.lst }' : ''}
  default_backend bench
backend bench
  balance roundrobin
${backendAddresses(site)
	.map((address, i) => `  server b${i} ${address}`)
	.join('\n')}
`;
	return {
		files: {
			'haproxy.cfg': config,
			'rules.lst': `${strangeNetworks(FEATURE_RULES).join('\n')}\n`,
			...bundle(site.tls),
		},
		command: ['haproxy', '-db', '-f', 'haproxy.cfg'],
	};
}

function bundle(tls: TlsFiles | null): Record<string, string> {
	if (tls === null) return {};
	return Object.fromEntries(
		CERTIFICATE_KINDS.map((kind) => [`${BUNDLE}.${kind}`, `${tls[kind].cert}${tls[kind].key}`] as const),
	);
}
