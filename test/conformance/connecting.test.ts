import { echo, greet, startBackend, startEcho } from '../support/echo.ts';
import { startBlackhole } from '../support/net-blackhole.ts';
import { configOf } from '../support/net-config.ts';
import { descriptors, refusingAddress } from '../support/net-ports.ts';
import { conformance } from '../support/net-rules.ts';
import { dial, digestOf, pass, patternOf, until } from '../support/peers.ts';

/** An address that no machine on loopback has: TEST-NET-1, RFC 5737. */
const NOT_LOCAL = '192.0.2.7';

const once = { retries: { attempts: 0, backoff: '5ms' } } as const;

conformance({
	'a refused connect without retries ends in a RST': async (t, target) => {
		const balancer = await target.start(t, configOf([await refusingAddress()], { pool: once }));
		const client = await dial(t, balancer.address());
		t.equal(await client.ending(), 'reset');
		const [record] = await balancer.recorded(1);
		t.match(record, { outcome: 'connect-failed', attempts: 1, connectMs: null, detail: /refused.*ECONNREFUSED/ });
	},

	'a refused connect is tried again on another backend, and the client does not notice': async (t, target) => {
		const good = await startBackend(t, { onClient: greet('good') });
		const pool = { balance: 'first', retries: { attempts: 1, backoff: '5ms' } } as const;
		const balancer = await target.start(t, configOf([await refusingAddress(), good.address], { pool }));
		const client = await dial(t, balancer.address());
		client.send('early bytes are kept');
		client.fin();
		t.equal(await client.ending(), 'fin');
		t.equal(client.text, 'good\nearly bytes are kept');
		t.match(await balancer.recorded(1), [{ outcome: 'completed', attempts: 2, backend: good.address }]);
	},

	'the tries are one more than the retries': async (t, target) => {
		const pool = { retries: { attempts: 3, backoff: '1ms', maxBackoff: '2ms' } };
		const balancer = await target.start(t, configOf([await refusingAddress()], { pool }));
		const client = await dial(t, balancer.address());
		t.equal(await client.ending(), 'reset');
		t.match(await balancer.recorded(1), [{ outcome: 'connect-failed', attempts: 4 }]);
	},

	'a connect without an answer is given up in time and tried elsewhere': async (t, target) => {
		const good = await startEcho(t);
		const pool = { balance: 'first', connectTimeout: '150ms' } as const;
		const balancer = await target.start(t, configOf([await startBlackhole(t), good.address], { pool }));
		const client = await dial(t, balancer.address());
		client.send('x');
		await client.heard(1);
		client.fin();
		const [record] = await balancer.recorded(1);
		t.match(record, { outcome: 'completed', attempts: 2, backend: good.address });
		t.ok((record?.durationMs ?? 0) >= 150);
	},

	'a connect that is never answered ends in connect-failed': async (t, target) => {
		const pool = { connectTimeout: '100ms', ...once };
		const balancer = await target.start(t, configOf([await startBlackhole(t)], { pool }));
		const client = await dial(t, balancer.address());
		t.equal(await client.ending(), 'reset');
		t.match(await balancer.recorded(1), [{ outcome: 'connect-failed', attempts: 1, detail: /timeout/ }]);
	},

	'a connect that was given up leaves no descriptor behind': async (t, target) => {
		const pool = { connectTimeout: '50ms', ...once };
		const balancer = await target.start(t, configOf([await startBlackhole(t)], { pool }));
		const before = descriptors();
		for (let i = 0; i < 10; i++) {
			const client = await dial(t, balancer.address());
			await client.ending();
		}
		await until(`${before} descriptors`, () => descriptors() <= before);
		t.match(await balancer.recorded(10), Array(10).fill({ outcome: 'connect-failed' }));
	},

	'a source address that is not ours is our own shortage': async (t, target) => {
		const backend = await startEcho(t);
		const pool = { sourceAddress: NOT_LOCAL, ...once };
		const balancer = await target.start(t, configOf([backend.address], { pool }));
		const client = await dial(t, balancer.address());
		t.equal(await client.ending(), 'reset');
		t.match(await balancer.recorded(1), [{ outcome: 'own-shortage', detail: /EADDRNOTAVAIL/ }]);
		t.equal(backend.served, 0);
	},

	'the source address is the one configured': async (t, target) => {
		const backend = await startEcho(t);
		const balancer = await target.start(t, configOf([backend.address], { pool: { sourceAddress: '127.0.0.9' } }));
		const client = await dial(t, balancer.address());
		t.equal((await backend.accepted()).remoteAddress, '127.0.0.9');
		client.fin();
	},

	'a RST while the connect is pending ends it at once and reaches no backend': async (t, target) => {
		const balancer = await target.start(t, configOf([await startBlackhole(t)]));
		const client = await dial(t, balancer.address());
		client.send('are you there?');
		await pass(50);
		client.reset();
		const [record] = await balancer.recorded(1);
		t.match(record, { outcome: 'client-reset', attempts: 1, uploadBytes: 0, connectMs: null });
		t.ok((record?.durationMs ?? 0) < 2_000, 'long before the connect would have timed out');
	},

	'a FIN while the connect is pending is kept and forwarded': async (t, target) => {
		const good = await startBackend(t, { onClient: echo });
		const pool = { balance: 'first', connectTimeout: '150ms' } as const;
		const balancer = await target.start(t, configOf([await startBlackhole(t), good.address], { pool }));
		const client = await dial(t, balancer.address());
		client.send('first and last');
		client.fin();
		t.equal(await client.ending(), 'fin');
		t.equal(client.text, 'first and last');
		t.match(await balancer.recorded(1), [{ outcome: 'completed', attempts: 2 }]);
	},

	'more early bytes than are held wait in the kernel and are served whole': async (t, target) => {
		const good = await startBackend(t, { onClient: echo });
		const pool = { balance: 'first', connectTimeout: '200ms' } as const;
		const balancer = await target.start(t, configOf([await startBlackhole(t), good.address], { pool }));
		const client = await dial(t, balancer.address());
		const data = patternOf(6_000_000);
		client.send(data);
		client.fin();
		t.equal(await client.ending(), 'fin');
		t.equal(client.digest, digestOf(data));
	},

	'a backend that resets after it was connected is a reset, and no other is tried': async (t, target) => {
		const backend = await startBackend(t, {
			onClient: (socket) => socket.once('data', () => socket.resetAndDestroy()),
		});
		const balancer = await target.start(t, configOf([backend.address]));
		const client = await dial(t, balancer.address());
		client.send('x');
		t.equal(await client.ending(), 'reset');
		t.match(await balancer.recorded(1), [{ outcome: 'backend-reset', attempts: 1, uploadBytes: 1 }]);
		t.equal(backend.served, 1);
	},
});
