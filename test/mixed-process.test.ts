import t from 'tap';
import { answers, plain, WORKERS } from './support/mixed.ts';
import { tlsHouse } from './support/mixed-tls.ts';
import { dial } from './support/peers.ts';
import { configFile, SluiceProcess } from './support/sluice-process.ts';
import { dialTls } from './support/tls.ts';

const CLIENTS = 20;

t.test('a process takes a listener that terminates TLS beside a plain one, and gives it up again', async (t) => {
	const { config, secure, options } = await tlsHouse(t);
	const { path, write } = configFile(t, config(plain('plain')));
	const run = new SluiceProcess(t, ['run', '-c', path]);
	const before = await dial(t, `127.0.0.1:${await run.port('plain')}`);
	await answers(before);
	write(config(plain('plain'), secure));
	run.kill('SIGHUP');
	const address = `127.0.0.1:${await run.port('secure')}`;
	const told = run.lines.filter(({ msg }) => msg === 'engine node for this listener');
	t.match(told, [{ listener: 'secure', reason: 'terminates TLS' }]);
	t.match(await run.line('listening', ({ listener }) => listener === 'secure'), { engine: 'node', workers: WORKERS });
	const clients = await Promise.all(Array.from({ length: CLIENTS }, () => dialTls(t, address, options)));
	await Promise.all([before, ...clients].map(answers));
	write(config(plain('plain')));
	run.kill('SIGHUP');
	await run.line('reloaded', ({ snapshot }) => snapshot === 3);
	await t.rejects(dial(t, address), { code: 'ECONNREFUSED' });
	await Promise.all([before, ...clients].map(answers));
	for (const client of clients) client.fin();
	await run.line('workers no longer needed');
	await answers(before);
	before.fin();
	run.kill('SIGTERM');
	t.match(await run.finished, { code: 0, stderr: '' });
	const records = run.lines.filter(({ msg }) => msg === 'session');
	t.equal(records.filter(({ tls, outcome }) => tls !== null && outcome === 'completed').length, CLIENTS);
});
