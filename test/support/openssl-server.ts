import { spawn } from 'node:child_process';
import type { Issued } from './certificates.ts';
import type { Teardown } from './echo.ts';

/** `openssl s_server` in a process of its own, that ends with the test; its address. */
export function startOpensslServer(
	t: Teardown,
	{ certFile, keyFile }: Issued,
	args: readonly string[],
): Promise<string> {
	const own = ['-accept', '127.0.0.1:0', '-cert', certFile, '-key', keyFile];
	const child = spawn('openssl', ['s_server', ...own, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
	t.teardown(() => void child.kill('SIGKILL'));
	child.stderr.resume();
	return new Promise((resolve, reject) => {
		let said = '';
		child.stdout.setEncoding('utf8').on('data', (text) => {
			said += text;
			const address = /^ACCEPT (\S+)$/m.exec(said)?.[1];
			if (address !== undefined) resolve(address);
		});
		child.once('error', reject).once('exit', (code) => reject(new Error(`openssl s_server ended (${code}):\n${said}`)));
	});
}
