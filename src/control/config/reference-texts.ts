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
\`sluice schema\` prints a JSON Schema for editors. The examples beside this file can be run as they are.

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

export const NODE_ENGINE_LIMITS = `## What the node engine cannot do

\`engine: node\` moves bytes with \`node:net\`. What that runtime keeps to itself:

- Nothing above a cap can wait in the kernel's queue: \`overflow\` has \`refuse\` alone.
- A RST on a side that is not being read, because the other side is slow, is seen at its next read.
- To notice that a client leaves before its backend is connected, it reads on, into at most 64 KiB.
- Clients of a worker thread that died see a FIN, not a RST.
- When the process runs out of file descriptors (EMFILE, ENFILE), the runtime accepts and closes connections by itself and tells
  nobody. So keep \`limits.maxConnections\` below what the limit on open files allows; its default does.`;
