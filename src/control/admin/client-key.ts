import { formatAddress, maskAddress, parseAddress } from '../../policy/address.ts';

/**
 * Who a socket's limits are counted for: its IPv4 address, the /64 of its IPv6 address (one host has as many addresses
 * as it likes), or `unix` for all on a unix-domain socket.
 */
export function clientKey(remoteAddress: string | undefined): string {
	const address = remoteAddress === undefined ? null : parseAddress(remoteAddress);
	return address === null ? 'unix' : formatAddress(maskAddress(address, 32, 64));
}
