/** What does TLS cost a proxy that terminates it: each handshake, each byte, each message? */
import { GIGABYTES, type Question, THOUSANDS, type Workload } from './support/question.ts';
import type { TlsTerms } from './support/tls-files.ts';

/** Full handshakes, with the kind of key that is usual today. */
const USUAL: TlsTerms = { certificate: 'ecdsa', resumed: false };
const COMMON = { feature: null, metric: 'work', goal: null, quick: true } as const;

function handshakes(name: string, title: string, tls: TlsTerms): Workload {
	return {
		...COMMON,
		name: `tls-handshake-${name}`,
		title: `TLS handshake, ping, close: ${title}`,
		unit: THOUSANDS,
		job: { kind: 'connect', concurrent: 16 },
		tls,
	};
}

function bulk(direction: 'download' | 'upload', way: string): Workload {
	return {
		...COMMON,
		name: `tls-bulk-${way}-4`,
		title: `TLS bulk ${way}, 4 streams`,
		unit: GIGABYTES,
		job: { kind: 'bulk', direction, streams: 4 },
		tls: USUAL,
	};
}

export const question: Question = {
	asks: 'What does terminating TLS cost?',
	workloads: [
		handshakes('ecdsa', 'full, ECDSA P-256', USUAL),
		handshakes('rsa', 'full, RSA 2048', { certificate: 'rsa', resumed: false }),
		handshakes('resumed', 'resumed by ticket', { certificate: 'ecdsa', resumed: true }),
		bulk('download', 'down'),
		bulk('upload', 'up'),
		{
			...COMMON,
			name: 'tls-ping-64-32',
			title: 'TLS ping-pong 64 B, 32 connections',
			unit: THOUSANDS,
			job: { kind: 'ping', bytes: 64, connections: 32 },
			tls: USUAL,
		},
	],
};
