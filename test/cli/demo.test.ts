import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { EchoClient } from '../support/backends.ts';
import { SluiceProcess } from '../support/sluice-process.ts';
import { dialTls } from '../support/tls.ts';

t.test('the demo greets by region, echoes, and says how to try', async (t) => {
	const demo = new SluiceProcess(t, ['demo', '--port', '0']);
	const port = Number(await demo.until(() => /listens on 127\.0\.0\.1:(\d+)/.exec(demo.stdout)?.[1]));
	await demo.until(() => (demo.stdout.includes('Ctrl-C') ? true : undefined));
	t.match(demo.stdout, `nc -s 127.0.0.3 127.0.0.1 ${port}`);
	for (const [from, greetings] of [
		['127.0.0.1', ['europe-1', 'europe-2']],
		['127.0.0.2', ['europe-1', 'europe-2']],
		['127.0.0.3', ['america-1', 'america-1']],
	] as const) {
		const heard: string[] = [];
		for (let i = 0; i < 2; i++) {
			const client = new EchoClient(t, port, from);
			heard.push(/^Hello from (\S+) in (europe|america)\./.exec(await client.greeting())?.[1] ?? '');
			await client.echo('hello');
			client.close();
		}
		t.strictSame(heard.sort(), greetings, `from ${from}`);
	}
	t.match(
		await demo.until(() => /^session: 127\.0\.0\.3.*/m.exec(demo.stdout)?.[0]),
		/\(US, america\) -> america-1: completed/,
	);
	demo.kill('SIGINT');
	t.match(await demo.finished, { code: 0, stderr: '' });
});

t.test('the demo takes TLS with a certificate that goes with it', async (t) => {
	const demo = new SluiceProcess(t, ['demo', '--port', '0', '--tls']);
	await demo.until(() => (demo.stdout.includes('Ctrl-C') ? true : undefined));
	const [, port, servername, file = ''] =
		/-connect 127\.0\.0\.1:(\d+) -servername (\S+) -CAfile (\S+)/.exec(demo.stdout) ?? [];
	const client = await dialTls(t, `127.0.0.1:${port}`, { ca: readFileSync(file), servername: servername ?? '' });
	await client.heard('Hello from'.length);
	client.send('in TLS');
	await client.heard(`${client.text}in TLS`.length);
	client.fin();
	await demo.until(() => /^session: .*: completed/m.exec(demo.stdout)?.[0]);
	demo.kill('SIGINT');
	t.match(await demo.finished, { code: 0, stderr: '' });
	t.notOk(existsSync(file));
});
