import type { ConfigInput } from '../../src/control/config/schema.ts';
import { certificateAuthority } from './certificates.ts';
import { startEcho, type Teardown } from './echo.ts';
import { mixedConfig, plain } from './mixed.ts';

/** Plain and terminated TLS before one backend. */
export async function tlsHouse(t: Teardown) {
	const backend = await startEcho(t);
	const authority = certificateAuthority(t);
	const issued = authority.issue(['localhost']);
	const certificates = [{ cert: issued.certFile, key: issued.keyFile, default: true }];
	const secure = plain('secure', { tls: { mode: 'terminate', certificates } });
	const config = (...listeners: ConfigInput['listeners']): ConfigInput =>
		mixedConfig(listeners, { backends: [{ address: backend.address }] });
	const options = { servername: 'localhost', ca: authority.cert };
	return { config, secure, options };
}
