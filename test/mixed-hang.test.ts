import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { answers, PATIENT_MS, plain, WORKERS } from './support/mixed.ts';
import { tlsHouse } from './support/mixed-tls.ts';
import { dial, until } from './support/peers.ts';
import { configFile, SluiceProcess } from './support/sluice-process.ts';
import { dialTls } from './support/tls.ts';

const HOOK = fileURLToPath(new URL('./support/hang-hook.ts', import.meta.url));
const CLIENTS = 20;

t.test(
	'a worker of the node engine that hangs is replaced within seconds, and the other engine does not notice',
	async (t) => {
		const { config, secure, options } = await tlsHouse(t);
		const { path } = configFile(t, config(plain('plain'), secure));
		const hang = join(path, '..', 'hang');
		const env = { ...process.env, HANG: hang, HANG_WORKER: String(WORKERS) };
		const run = new SluiceProcess(t, ['run', '-c', path], { flags: ['--import', HOOK], env });
		const [open, address] = [`127.0.0.1:${await run.port('plain')}`, `127.0.0.1:${await run.port('secure')}`];
		const spared = await Promise.all(Array.from({ length: CLIENTS }, () => dial(t, open)));
		const struck = await Promise.all(Array.from({ length: CLIENTS }, () => dialTls(t, address, options)));
		await Promise.all([...spared, ...struck].map(answers));
		writeFileSync(hang, '');
		// It hangs where it reads the time.
		for (const client of [...struck, ...struck]) client.send('y');
		await Promise.all(spared.map(answers));
		t.match(await run.line('worker hangs'), { worker: WORKERS, engine: 'node' });
		t.match(await run.line('worker died'), { worker: WORKERS, engine: 'node' });
		await run.line('worker replaced');
		await until('its sessions are over', () => struck.some(({ ended }) => ended !== null), PATIENT_MS);
		await Promise.all([...spared, ...struck.filter(({ ended }) => ended === null)].map(answers));
		await answers(await dialTls(t, address, options));
		run.kill('SIGTERM');
		for (const client of [...spared, ...struck]) client.socket.destroy();
	},
);
