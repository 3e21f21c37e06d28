import { isIP } from 'node:net';

/** The host of a `Host` header without its port, in lower case and without brackets; null when it is no host. */
export function hostOf(header: string): string | null {
	const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header);
	return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '') ?? null;
}

/**
 * Whether a request was meant for this server. A page from elsewhere can make a browser send requests here, by a name
 * that it has pointed at this address (DNS rebinding): so names must be ours. An address or `localhost` cannot be
 * pointed elsewhere. `names`: those of the server's certificate, `*.` for one label.
 */
export function isOurHost(header: string | undefined, names: readonly string[]): boolean {
	const host = header === undefined ? null : hostOf(header);
	if (host === null) return false;
	if (host === 'localhost' || isIP(host) !== 0) return true;
	return names.some(
		(name) => name === host || (name.startsWith('*.') && host.slice(host.indexOf('.')) === name.slice(1)),
	);
}

/**
 * Whether a browser says that a page of another site asks (W3C Fetch Metadata, `Sec-Fetch-Site`): images and scripts are
 * fetched without an `Origin`. No browser says nothing.
 */
export const isForeignFetch = (site: string | string[] | undefined): boolean =>
	site !== undefined && site !== 'same-origin' && site !== 'none';

/** Whether what a browser says of the page that asks (RFC 6454 section 7) is this server itself; no browser says nothing. */
export function isOurOrigin(origin: string | undefined, host: string | undefined, scheme: 'http' | 'https'): boolean {
	return origin === undefined || (host !== undefined && origin.toLowerCase() === `${scheme}://${host.toLowerCase()}`);
}
