import { fileURLToPath } from 'node:url';
import t from 'tap';
import { haproxy } from '../bench/support/contenders/haproxy.ts';
import { nginx } from '../bench/support/contenders/nginx.ts';
import { sluice } from '../bench/support/contenders/sluice.ts';
import { makeTlsFiles, type TlsTerms } from '../bench/support/tls-files.ts';
import { load, raiseProxy } from './support/bench-client.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TERMS: readonly TlsTerms[] = [
	{ certificate: 'ecdsa', resumed: false },
	{ certificate: 'rsa', resumed: true },
];
const tls = makeTlsFiles();

for (const contender of [haproxy(1), nginx(1), sluice('auto', 1, ROOT)]) {
	t.test(`${contender.name} terminates TLS with both certificates, and resumes by ticket`, async (t) => {
		const proxy = await raiseProxy(t, contender, tls);
		for (const one of TERMS) {
			const { work, errors } = await load(proxy, { kind: 'connect', concurrent: 4 }, one);
			t.ok(work > 0, JSON.stringify(one));
			t.equal(errors, 0);
		}
	});
}
