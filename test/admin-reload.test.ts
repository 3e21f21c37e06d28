import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t, { type Test } from 'tap';
import { asking, bearer } from './support/asking.ts';
import { certificateAuthority } from './support/certificates.ts';
import { command } from './support/command.ts';
import { folderOf, steered, steeredConfig } from './support/steered.ts';

const OLD = 'old-token-0123456789';
const NEW = 'new-token-0123456789';
process.env.SLUICE_TEST_OLD = OLD;
process.env.SLUICE_TEST_NEW = NEW;

const tokens = (...names: readonly string[]) =>
	names.map((name) => ({ role: 'write' as const, token: `env:SLUICE_TEST_${name}` }));

/** A balancer whose admin server listens on loopback and knows the old token. */
async function serving(t: Test) {
	const folder = folderOf(t);
	const configOf = (admin: object) => steeredConfig(folder, { admin: { tokens: tokens('NEW'), ...admin } });
	const running = await steered(t, configOf({ bind: '127.0.0.1:0', tokens: tokens('OLD') }));
	const { ask } = running;
	const reloadAs = (token: string) => ask({ method: 'POST', path: '/reload', body: {}, headers: bearer(token) });
	const statusAs = async (token: string) => (await ask({ path: '/status', headers: bearer(token) })).status;
	return { ...running, configOf, reloadAs, statusAs };
}

async function taken(t: Test) {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => server.close());
	return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, free: () => server.close() };
}

t.test('tokens change where they are asked for, with the answer of the reload', async (t) => {
	const { app, write, configOf, reloadAs, statusAs } = await serving(t);
	const address = app.adminAddress;
	write(configOf({ bind: '127.0.0.1:0' }));
	t.match(await reloadAs(OLD), { status: 200, json: { settings: ['admin'], warnings: [] } });
	t.equal(app.adminAddress, address, 'nobody had to look for it elsewhere');
	t.equal(await statusAs(OLD), 401);
	t.equal(await statusAs(NEW), 200);
});

t.test('an address that is taken is said, tokens taken away work no more, and it is tried again', async (t) => {
	const { app, heard, write, configOf, reloadAs, statusAs } = await serving(t);
	const { address, free } = await taken(t);
	const before = app.adminAddress;
	write(configOf({ bind: address }));
	const answer = await reloadAs(OLD);
	t.equal(answer.status, 200);
	const warning = `admin: cannot bind ${address}: address in use; until it can, the one at ${before} goes on, by the new tokens; it is tried again`;
	t.same(answer.json?.warnings, [warning]);
	t.equal(app.adminAddress, before);
	t.equal(await statusAs(OLD), 401, 'revoked at once');
	t.equal(await statusAs(NEW), 200);
	const told = await command('reload', '--admin', String(before), '--token', 'env:SLUICE_TEST_NEW');
	t.match(told, { code: 0, stdout: /^reloaded: /, stderr: `not yet: ${warning}\n` });
	t.equal((await reloadAs(NEW)).json?.summary, 'no changes');
	free();
	await heard.event('admin listening', ({ fields }) => fields.address === address);
	t.equal(app.adminAddress, address);
	t.equal(await statusAs(NEW), 200);
});

t.test('a reload that moves the server is answered by the old one', async (t) => {
	const { app, write, configOf, reloadAs, statusAs } = await serving(t);
	const { address, free } = await taken(t);
	free();
	const before = asking(String(app.adminAddress)).ask;
	write(configOf({ bind: address }));
	t.match(await reloadAs(OLD), { status: 200, json: { warnings: [] } });
	t.equal(app.adminAddress, address);
	t.equal(await statusAs(NEW), 200);
	await t.rejects(before({ path: '/livez' }), { code: 'ECONNREFUSED' });
});

t.test('TLS begins, changes its certificate and ends where the server is', async (t) => {
	const { app, write, configOf, reloadAs } = await serving(t);
	const address = String(app.adminAddress);
	const authority = certificateAuthority(t);
	const [one, two] = [authority.issue(['one.example']), authority.issue(['two.example'])];
	const statusBy = async (host: string, secure: boolean) =>
		(await asking(address, { secure }).ask({ path: '/livez', headers: { host } })).status;
	const bind = '127.0.0.1:0';
	write(configOf({ bind: address }));
	t.same((await reloadAs(OLD)).json?.warnings, [], 'its own port is not in its way');
	t.equal(app.adminAddress, address);
	write(configOf({ bind, tls: { cert: one.certFile, key: one.keyFile } }));
	t.same((await reloadAs(NEW)).json?.warnings, []);
	const secured = String(app.adminAddress);
	const secureStatus = async (host: string) =>
		(await asking(secured, { secure: true }).ask({ path: '/livez', headers: { host } })).status;
	t.equal(await secureStatus('one.example'), 200);
	t.equal(await secureStatus('two.example'), 421);
	write(configOf({ bind, tls: { cert: two.certFile, key: two.keyFile } }));
	const { ask } = asking(secured, { secure: true });
	t.same((await ask({ method: 'POST', path: '/reload', body: {}, headers: bearer(NEW) })).json?.warnings, []);
	t.equal(app.adminAddress, secured, 'a new certificate needs no other server');
	t.equal(await secureStatus('one.example'), 421);
	t.equal(await secureStatus('two.example'), 200);
	await t.rejects(statusBy('localhost', false), 'the one in the clear is gone');
});
