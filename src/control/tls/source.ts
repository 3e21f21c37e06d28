import type { TlsSource } from '../config/compile-tls.ts';
import { type Reading, type TlsFiles, useKey } from './files.ts';
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

/** For snapshots that nobody serves by, such as those of `explain`: nothing is read. */
export const PAPER_TLS: TlsSource = {
	pair: () => ({ certificate: '', key: '', ocsp: null, names: [] }),
	authorities: () => '',
	ticketKey: () => new Uint8Array(48),
};
