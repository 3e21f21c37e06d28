import t from 'tap';
import { startEcho } from './support/echo.ts';
import { answers, mixedConfig, onNode, PATIENT_MS, plain, startMixed, WORKERS } from './support/mixed.ts';
import { descriptors } from './support/net-ports.ts';
import { dial, until } from './support/peers.ts';

const ON_NODE = 'engine node for this listener';

t.test(
	'the workers of the node engine come with the first listener that needs them, and go after the last',
	async (t) => {
		const backend = await startEcho(t);
		const backends = [{ address: backend.address }];
		const [alone, both] = [
			mixedConfig([plain('plain')], { backends }),
			mixedConfig([plain('plain'), onNode('secure')], { backends }),
		];
		const noTls = mixedConfig([plain('plain'), plain('secure')], { backends });
		const { app, heard, reload, address, atRest } = await startMixed(t, alone);
		const stays = await dial(t, address('plain'));
		await answers(stays);
		let before = 0;
		for (let round = 1; round <= 3; round++) {
			await reload(both);
			t.equal(app.workers.length, 2 * WORKERS);
			const lasts = await dial(t, address('secure'));
			await answers(lasts);
			const removed = address('secure');
			await reload(round === 2 ? noTls : alone);
			if (round !== 2) await t.rejects(dial(t, removed), { code: 'ECONNREFUSED' });
			await answers(lasts);
			t.equal(app.workers.length, 2 * WORKERS, 'not while one of their sessions lives');
			lasts.fin();
			await lasts.ending();
			await until('they are gone', () => app.workers.length === WORKERS, PATIENT_MS);
			t.match(await heard.event('workers no longer needed'), { fields: { engine: 'node', workers: WORKERS } });
			lasts.socket.destroy();
			await reload(alone);
			await until('sockets are closed', () => backend.sockets.size === 1, PATIENT_MS);
			if (round === 1) before = descriptors();
		}
		await until('no descriptor more than after the first round', () => descriptors() <= before, PATIENT_MS);
		await answers(stays);
		stays.socket.destroy();
		await atRest(WORKERS);
		t.strictSame(app.held.faults, []);
		t.strictSame(
			heard.events.filter(({ level }) => level === 'error' || level === 'warn'),
			[],
		);
		const told = heard.events.filter(({ msg }) => msg.endsWith('for this listener'));
		t.strictSame(
			told.map(({ msg }) => msg),
			[ON_NODE, ON_NODE, 'engine epoll for this listener', ON_NODE],
		);
	},
);
