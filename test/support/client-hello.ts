import { type Extension, helloBytes, protocols, serverName, versions } from './hello-bytes.ts';

/** A ClientHello in one TLS record (RFC 8446 section 4.1.2), with what tests need to say in it. */
export function clientHello(said: { readonly serverName?: string; readonly alpn?: readonly string[] }): Uint8Array {
	const { serverName: name, alpn = [] } = said;
	const extensions: Extension[] = [versions(0x0304)];
	if (name !== undefined) extensions.push(serverName(name));
	if (alpn.length > 0) extensions.push(protocols(...alpn));
	return helloBytes({ extensions });
}
