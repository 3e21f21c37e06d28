import type { IpAddress } from '../../core/address.ts';
import { isV4 } from '../../core/address.ts';
import { formatAddress } from '../../policy/address.ts';
import type { SessionView } from '../admin/views.ts';
import type { Found } from './worker-desk.ts';

/** `ip:port`, `[v6]:port`. */
const endpointText = (address: IpAddress | null, port: number): string | null =>
	address === null ? null : isV4(address) ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;

export function sessionView(found: Found): SessionView {
	const { number, peer, peerPort, client, clientPort, ...rest } = found;
	return {
		...rest,
		id: `${found.worker}-${number}`,
		peer: endpointText(peer, peerPort),
		client: endpointText(client, clientPort),
	};
}
