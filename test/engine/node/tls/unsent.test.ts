import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { certificateAuthority } from '../../../support/certificates.ts';
import { echo, startBackend } from '../../../support/echo.ts';
import { engineTargets } from '../../../support/harness.ts';
import { configOf } from '../../../support/net-config.ts';
import { socketFolder } from '../../../support/net-ports.ts';

const CLIENT = fileURLToPath(new URL('../../../support/key-updates.ts', import.meta.url));
/** Its answers take 26 bytes each: about ten times what is let wait. */
const MOST_ASKED = 100_000;

t.test('a client that has TLS answer again and again, and reads nothing, is reset', async (t) => {
	const leaf = certificateAuthority(t).issue(['a.example']);
	const { address } = await startBackend(t, { onClient: echo });
	for (const target of engineTargets(['node'])) {
		// The kernel keeps far fewer small writes for a unix socket than for a TCP one.
		const path = socketFolder(t)('l');
		const tls = { mode: 'terminate' as const, certificates: [{ cert: leaf.certFile, key: leaf.keyFile }] };
		const balancer = await target.start(t, configOf([address], { listener: { bind: `unix:${path}`, tls } }));
		const { stdout } = await promisify(execFile)(process.execPath, [CLIENT, path, `${MOST_ASKED}`]);
		t.ok(Number(stdout) < MOST_ASKED, `after ${stdout} times`);
		t.match(await balancer.recorded(1), [{ outcome: 'client-reset', uploadBytes: 0, tls: /^TLSv1\.3 / }]);
	}
});
