import { MAX_RATES } from '../../core/snapshot.ts';
import { markdownTable } from './markdown-table.ts';

const UNITS = [
	['unit', 'written', 'example'],
	['duration', 'a number and `ms`, `s`, `m`, `h` or `d`; at most `365d`', '`250ms`, `1.5s`, `10m`'],
	[
		'rate',
		`count, slash, time: at most so many accepted in any such time. Count 1 to 1,000,000, time 100ms to 24h. Up to ${MAX_RATES} in a list; refused attempts do not count`,
		'`100/s`, `5/10s`, `10/1m`',
	],
	[
		'bandwidth',
		'a number and `bit/s`, `kbit/s`, `Mbit/s`, `Gbit/s`, or a size and `/s`; 8kbit/s to 100Gbit/s',
		'`10Mbit/s`, `4MiB/s`',
	],
	['size', 'a number and `B`, `kB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`', '`256KiB`'],
	[
		'bucket',
		'a bandwidth, or `{ rate: BANDWIDTH, burst: SIZE }`. The burst is what an idle bucket saves up and lets pass at once, 1KiB to what the rate moves in 5 minutes. Left out, it is what the rate moves in 100 ms but at least 64KiB, and under 1Mbit/s what it moves in 500 ms',
		'`10Mbit/s`, `{ rate: 10Mbit/s, burst: 256KiB }`',
	],
	[
		'address',
		'`host:port`, `[v6]:port` or `unix:/path`; a relative path is relative to the file',
		'`10.1.0.1:7000`, `"[2001:db8::1]:7000"`',
	],
	[
		'network',
		'CIDR notation, or one address. An IPv4-mapped IPv6 address is its IPv4 address everywhere',
		'`10.0.0.0/8`, `"2001:db8::/32"`',
	],
	['country code', 'ISO 3166-1, two capital letters', '`DE`'],
	[
		'name',
		'up to 64 letters, digits, dots, dashes and underscores, the first a letter or digit (of a region: a letter)',
		'`eu-1`',
	],
];

/** The hand-kept part of `config/REFERENCE.md`: what the tables, made from the schema, cannot say. */
export const REFERENCE_INTRODUCTION = `# Configuration reference

Made from the schema by \`npm run reference\`; edit the schema, not this file.

One file, YAML 1.2 or JSON. Unknown keys are refused. \`sluice check -c FILE\` tells every fault with its line and column;
\`sluice schema\` prints a JSON Schema for editors. The examples beside this file can be run as they are; those that name
certificates, after the \`sluice cert\` commands in them.

## Units

A bare number where a unit is due is an error.

${markdownTable(UNITS)}`;

export const SIZING_NOTES = `## How large a pool may be

- \`ip-hash\` is weighted rendezvous hashing. It looks at every backend of the pool for each new session, so its cost grows with
  their number: recommended up to 256 backends in a pool.
- \`least-connections\` looks at every backend of pools of up to 64; of larger ones it looks at a sample, and is then nearly,
  not exactly, the least busy.
- \`round-robin\`, \`random\` and \`first\` have no such bound.
- Caps and rates are exact over all workers, with any algorithm and size.`;

export const SHAPING_NOTES = `## How buckets work together

- A byte passes when every bucket of its direction lets it: the connection's, the client's, the backend's, the pool's, the
  region's and the listener's. What any of them holds back is not read, so the sender is slowed down, not buffered.
- Sessions that share a bucket share it equally, on one worker or several; what one does not use the others get.
- In any time T a bucket lets pass at most rate x T + burst and one portion more (10 ms of the rate, at least 512 bytes); an
  inner bucket one portion for each session that it has let through and that an outer one still holds back.
- A changed limit reaches live sessions within a second of the reload.
- Clients have buckets per listener, in the table of \`perClient\`, whose \`prefix\` says what one client is. Clients of a unix
  socket have none: they have no address.`;

export const HEALTH_NOTES = `## How a backend's health is decided

- A backend is up, down or unknown. Before its first probe has answered it is unknown: used while no other backend of the pool is
  up. The first result decides alone; then \`rise\` good or \`fall\` bad ones in a row turn it over.
- A probe that we could not even send, for lack of a descriptor or a local port, is no result.
- Sessions decide faster: \`passive\` ejects a backend whose connects fail, for \`eject\`, and then it is again what its probes say.
  Until then the failed sessions are tried elsewhere (\`retries\`). A reset counts only when no byte had passed either way, and a
  handshake that the backend fails not where it was asked for the client's own server name or protocol (\`serverName: sni\`,
  \`alpn: client\`): what a client sends cannot get a server ejected.
- A backend that accepts and then says nothing is up for a \`tcp\` probe; its sessions end by their timeouts. \`tls\` wants a
  handshake, by the pool's \`tls\` or, without it, with any certificate; \`http\` a status of the list; \`script\` each step in its
  order. All of it must be done within \`timeout\`. Probes of a pool with \`proxyProtocol\` begin with its header (LOCAL).
- What \`expect\` names may stand anywhere after what was expected before, in the first 64 KiB that come. The log tells what came
  instead, shortened; of what was sent, nothing of four bytes or more, also where the backend repeats it.
- Sessions on a backend that goes down are left alone. Every change is one line in the log, with the reason and how long it had been so.
- The health of what stays is kept over a reload.`;

export const GEO_NOTES = `## How a country is found

- \`geo.overrides\` first, then the database. An IPv4-mapped address is its IPv4 address.
- \`database: FILE.mmdb\` takes any country or city database in the MaxMind DB format, of up to 2 GiB. What counts is
  \`country.iso_code\`, where the client is. \`registered_country\`, where its provider is registered, may be another continent: it
  does not stand in, and the country is unknown then, as it is with the embedded data.
- One copy in shared memory serves all workers. The file is looked at every second and reread within about two when it has changed, best
  by renaming a new one over it. While it is reread, and after that as room for the next time, there is a second copy.
- A file that cannot be used is refused by \`sluice check\`, at the start and by a reload that names it. When the file in use becomes
  unusable, half-written for example, the data in use stays, and one line in the log says why.`;

export const TLS_NOTES = `## How TLS is spoken

- \`passthrough\` works on every engine and changes no byte. A listener that terminates TLS, or routes to a pool with \`tls\`, is
  served by the node engine, beside the other one in the same process, whatever \`engine\` says.
- A ClientHello may come in any pieces, up to 64 KiB. An encrypted one (ECH) is routed by its outer name. What is no TLS is
  refused with \`not-tls\`, also where routes do not ask for anything: a listener with \`tls\` is for TLS alone.
- Certificates are chosen by the server name that is asked for: an exact name before a wildcard, both before the default
  ones. Names are those of the certificate (its common name only when it has no others). Several with the same name
  stand side by side when their kinds of keys differ, RSA and ECDSA; of the same kind, the first in the list is taken. An
  OCSP response is stapled only where no certificate of another kind stands beside.
- Certificate, key, OCSP and authority files are looked at every second (of more than 100 certificates, 100 each second)
  and read again within about two when they have changed. A pair that does not belong together or cannot be used leaves the
  one in force, and one line in the log says why; so the order in which the files are replaced does not matter. Sessions
  are not touched. \`sluice check\`, a start and a reload read everything, and refuse what cannot be used. From 14 days
  before its end on, a certificate is told of once a day.
- Session tickets have one key for each listener, the same for all workers and over reloads and changed certificates. It
  lives in memory, so a restart ends it. There is one key at a time: after \`tickets.rotate\` each client that comes back makes
  one full handshake, which costs what its first one did, and then has a new ticket. A ticket is good for two hours at
  the most, so that concerns who came in the two hours before. Other demands on clients' certificates make another key,
  too: no ticket leads past a check.
- A client that ends TLS without close_notify looks like one that ended in good order: Node's \`tls\` does not tell them apart.
- \`startTls: postgres\` understands PostgreSQL's SSLRequest, declines GSSENCRequest, and takes TLS at once
  (sslnegotiation=direct, which needs \`alpn: [postgresql]\` when TLS ends here). What it sends in the clear is turned away
  (\`not-tls\`): sessions without TLS, and the cancel requests of libpq before 17, which never used TLS; and whoever cancels
  comes to any backend of its route, so a pool of several cannot rely on it. What begins in the clear in other protocols
  is not understood: MySQL, SMTP, IMAP, POP3, LDAP, FTP and XMPP with STARTTLS. Forward them as plain TCP; their servers
  speak TLS as ever, but there are no routes by name. Their ports that begin with TLS (465, 993, 636 and so on) are like any.
- To backends, \`verify\` is on: a known authority and the server's name, that of \`serverName\` or else the host name of the
  address. Of a backend with an IP address and no \`serverName\`, the certificate must have that IP address. With
  \`serverName: sni\` the same holds for clients that ask for no name, and for probes: they have no client to ask for.`;

export const PROXY_NOTES = `## How the PROXY protocol is read and written

- Peers in \`proxyProtocol.from\` must send a header, version 1 or 2. Nobody else's is looked at: it goes on to the backend as
  payload. List the proxies and nobody more.
- Two gates: the caps and rates of process and listener hold for the peer, at the accept. \`access\`, countries, routes, limits
  and buckets per client, and the log are about the address in the header.
- LOCAL (a proxy's own probe) and UNKNOWN keep the addresses of the socket. CRC-32C is checked when it is there.
- Backends get exactly one header before anything else; \`ssl\` in it only where TLS ended here. Once it was sent, the
  session is not tried on another backend, but for a TLS handshake that failed.
- To a backend that does not expect it, a header looks like garbage: turn it on at both ends together.`;

export const ALERT_NOTES = `## How alerts are decided

- \`pool eu healthy < 0.5\` is the metric \`sluice_pool_healthy\` of the pool \`eu\`: a kind of place (\`listener\`, \`region\`, \`pool\`,
  \`backend\`), its name (of a backend: \`pool/backend\`), the rest of the metric's name. Without a place, \`sessions_active > 900\` is
  \`sluice_sessions_active\`, and \`pool_healthy < 1\` holds when it holds for any pool. Other labels may stand behind, as in
  \`sessions_total outcome=no-route > 5\`; what has spaces in double quotes, as in \`bucket_fill place="pool eu" < 0\`.
- Metrics whose names end in \`_total\` are compared by what they rise in a second, over the last minute, all that fit together. \`<\`,
  \`<=\`, \`==\` and \`!=\` of them hold at the earliest after a minute. There are no alerts on histograms.
- A condition is looked at every second. An alert fires when it has held for \`for\`, and is over when it does not hold, or when
  what it is about is there no more. Both are one line in the log, and one POST: \`{ alert, state, when, value, since, time, host }\`,
  where \`state\` is \`firing\` or \`resolved\`.
- A webhook answers 2xx within 5 seconds, or it is tried again after 1, 4, 15 and 60 seconds. An alert that flaps posts \`firing\` at
  most once a minute; what was over before it could be told is not told.
- A reload keeps the state of an alert whose name, condition and \`for\` stay.`;

export const HISTORY_NOTES = `## What the history keeps

- Every 10 seconds one row, with the process and up to 127 pools: sessions, those that ended each second, bytes per second each way, queued.
  Rows older than 24 hours go, and their room is used again: the file has about 0.3 MB for each pool, 36 MB at most.
- It is told in 600 points at most: steps of 10 seconds for up to 100 minutes, of three minutes for a whole day.
- Without the key the dashboard's past begins with the process: the same for 24 hours, in memory, for the process and its first 15 pools.
- One process at a time has the file. One that it cannot write is told of once, and tried again every 10 seconds; a damaged one is put aside as FILE.damaged,
  one of another version of sluice as FILE.other-version, and begun anew. Sessions do not notice.`;

export const NODE_ENGINE_LIMITS = `## What the node engine cannot do

\`engine: node\` moves bytes with \`node:net\`, and so do, beside any engine, listeners that need TLS done for them. What that runtime keeps to itself:

- Nothing above a cap can wait in the kernel's queue: \`overflow: wait\` is an error.
- A RST on a side that is not being read, because the other side is slow or a bucket holds it back, is seen at its next read.
- Waits for buckets are whole milliseconds; what a bucket earns meanwhile is not lost.
- To notice that a client leaves before its backend is connected, it reads on, into at most 64 KiB.
- Clients of a worker thread that died see a FIN, not a RST.
- When a reload takes an address away from it, or gives it to the other engine, connections that wait to be accepted just then are
  reset, as are those of a worker that died; not where the system has \`net.ipv4.tcp_migrate_req = 1\` and others listen there, too.
- When the process runs out of file descriptors (EMFILE, ENFILE), the runtime accepts and closes connections by itself and tells
  nobody. So keep \`limits.maxConnections\` below what the limit on open files allows; its default does.`;
