import type { TlsSource } from '../config/compile-tls.ts';
import type { Config } from '../config/schema.ts';
import { tlsUses } from '../config/tls-files.ts';
import { TlsFault } from './fault.ts';
import { type Reading, readNames, type TlsFiles, useKey } from './files.ts';
import type { TicketKeys } from './tickets.ts';

/** What snapshots are made of: files that have been read, and the keys of session tickets. */
export function tlsSource(files: TlsFiles, tickets: Pick<TicketKeys, 'key'>): TlsSource {
	const find = <T extends Reading['type']>(use: Parameters<typeof useKey>[0], type: T) => {
		const reading = files.get(useKey(use));
		if (reading?.type !== type) throw new Error(`${useKey(use)} was not read`);
		return reading as Extract<Reading, { type: T }>;
	};
	return {
		pair: (files) => find({ type: 'pair', files }, 'pair').pair,
		authorities: (file) => find({ type: 'authorities', file }, 'authorities').pem,
		ticketKey: (listener, settings) => tickets.key(listener, settings),
	};
}

/** For snapshots that nobody serves by: nothing is read. */
export const PAPER_TLS: TlsSource = {
	pair: () => ({ certificate: '', key: '', ocsp: null, names: [] }),
	authorities: () => '',
	ticketKey: () => new Uint8Array(48),
};

/**
 * The same with the names that certificates have, for `explain`, whose caller need not be able to read keys. What
 * cannot be read is told, and has no names.
 */
export async function namesAlone(config: Config, tell: (line: string) => void): Promise<TlsSource> {
	const names = new Map<string, readonly string[]>();
	for (const use of tlsUses(config)) {
		if (use.type !== 'pair' || names.has(use.files.cert)) continue;
		try {
			names.set(use.files.cert, await readNames(use.files.cert));
		} catch (error) {
			if (!(error instanceof TlsFault)) throw error;
			names.set(use.files.cert, []);
			tell(`cannot use ${use.files.cert}: ${error.message}; its names are left out`);
		}
	}
	const { pair } = PAPER_TLS;
	return { ...PAPER_TLS, pair: (files) => ({ ...pair(files), names: names.get(files.cert) ?? [] }) };
}
