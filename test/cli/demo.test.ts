import t from 'tap';
import { EchoClient } from '../support/backends.ts';
import { SluiceProcess } from '../support/sluice-process.ts';

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
