import t from 'tap';
import { clean } from '../support/clean-node.ts';
import { command } from '../support/command.ts';
import { configFile, sluice } from '../support/sluice-process.ts';

const GOOD = {
	geo: { regions: { eu: { continents: ['europe' as const] } }, overrides: [{ network: '10.1.0.0/16', country: 'DE' }] },
	listeners: [
		{
			name: 'game',
			bind: '127.0.0.1:0',
			access: { deny: { networks: ['203.0.113.0/24'] } },
			routes: [{ match: { regions: ['eu'] }, to: ['eu'] }, { to: ['us'] }],
		},
	],
	pools: [
		{ name: 'eu', backends: [{ name: 'eu-1', address: '127.0.0.1:9001' }] },
		{
			name: 'us',
			backends: [
				{ name: 'us-1', address: '127.0.0.1:9002' },
				{ name: 'us-2', address: '127.0.0.1:9003' },
			],
		},
	],
};

t.test('check counts what a good file has', async (t) => {
	const { path } = configFile(t, GOOD);
	t.match(await sluice(t, 'check', '-c', path), {
		code: 0,
		stdout: 'ok: 1 listeners, 2 pools, 3 backends\n',
		stderr: '',
	});
});

t.test('check tells every fault on a line of its own, without a stack', async (t) => {
	const { path } = configFile(t, 'listeners: []\npools: []\nlisteneers: []\n');
	const { code, stdout, stderr } = await command('check', '-c', path);
	t.equal(code, 1);
	t.equal(stdout, '');
	const lines = stderr.trimEnd().split('\n');
	t.equal(lines.length, 3);
	for (const line of lines) t.match(line, /sluice\.yaml:\d+:\d+: /);
	t.match(stderr, /unknown key "listeneers"/);
});

t.test('a file that is not there is told in words', async (t) => {
	for (const command of ['check', 'run']) {
		const { code, stderr } = await sluice(t, command, '-c', '/nowhere/sluice.yaml');
		t.equal(code, 1);
		t.equal(stderr, 'configuration /nowhere/sluice.yaml: cannot be read: no such file\n');
	}
});

t.test('wrong usage exits with 1 and says what is wrong', async (t) => {
	for (const [args, words] of [
		[[], /Usage: sluice/],
		[['rum'], /unknown command 'rum'[\s\S]*Did you mean run/],
		[['run'], /required option '-c, --config <file>'/],
		[['check', '-c', 'x', '--verbos'], /unknown option '--verbos'/],
		[['geo'], /missing required argument 'ip'/],
		[['geo', '1.2.3'], /'1\.2\.3' is invalid for argument 'ip'\. It is not an IP address/],
		[['demo', '--port', '70000'], /'70000' is invalid/],
	] as const) {
		const { code, stderr, stdout } = await command(...args);
		t.equal(code, 1, args.join(' '));
		t.match(stderr, words);
		t.equal(stdout, '');
	}
});

t.test('the version is the package’s', async (t) => {
	t.match(await sluice(t, '--version'), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ });
});

t.test('help is there for every command, with an example', async (t) => {
	for (const name of ['run', 'check', 'explain', 'geo', 'cert', 'schema', 'demo']) {
		const { code, stdout } = await command(name, '--help');
		t.equal(code, 0, name);
		t.match(stdout, new RegExp(`Usage: sluice ${name} (.|\\n)*Example:\n {2}sluice ${name}`));
	}
	const { code, stdout } = await command('--help');
	t.equal(code, 0);
	t.match(
		stdout,
		/Commands:[\s\S]*run [\s\S]*check [\s\S]*explain [\s\S]*geo [\s\S]*schema [\s\S]*demo [\s\S]*Examples:/,
	);
	for (const line of stdout.split('\n')) t.ok(line.length <= 120, line);
});

t.test('the schema is JSON Schema', async (t) => {
	const { code, stdout } = await command('schema');
	t.equal(code, 0);
	t.match(JSON.parse(stdout), { type: 'object', properties: { listeners: { type: 'array' } } });
});

t.test('geo answers countries as text and as JSON', async (t) => {
	const text = await command('geo', '193.99.144.85', '127.0.0.1');
	t.match(text, { code: 0, stdout: '193.99.144.85  DE\n127.0.0.1      -\n' });
	const json = await command('geo', '193.99.144.85', '::ffff:127.0.0.1', '--json');
	t.strictSame(JSON.parse(json.stdout), [
		{ ip: '193.99.144.85', country: 'DE' },
		{ ip: '127.0.0.1', country: null },
	]);
});

t.test('explain tells each stage and the spread', async (t) => {
	const { path } = configFile(t, GOOD);
	const ips = ['10.1.2.3', '192.168.0.1', '192.168.0.2', '203.0.113.9'].flatMap((ip) => ['--ip', ip]);
	const { code, stdout } = await command('explain', '-c', path, '--listener', 'game', ...ips);
	t.equal(code, 0);
	t.match(stdout, /10\.1\.2\.3 \(DE, region eu\) at listener game/);
	t.match(stdout, / {2}admit +\S/);
	t.match(stdout, / {2}=> pool eu, backend eu-1/);
	t.match(stdout, / {2}=> refused: access-denied \(close\)/);
	t.match(stdout, /spread of 4 clients:/);
	t.match(stdout, / {2}eu\/eu-1 +1 {2}25\.0 %/);
	t.match(stdout, / {2}us\/us-1 +1 {2}25\.0 %/);
	t.match(stdout, / {2}us\/us-2 +1 {2}25\.0 %/);
});

t.test('explain speaks JSON, and exits with 0 for a refused client, too', async (t) => {
	const { path } = configFile(t, GOOD);
	const { code, stdout } = await sluice(
		t,
		'explain',
		'-c',
		path,
		'--listener',
		'game',
		'--ip',
		'203.0.113.9',
		'--json',
	);
	t.equal(code, 0);
	t.match(JSON.parse(stdout), {
		listener: 'game',
		clients: [{ client: '203.0.113.9', outcome: 'access-denied', backend: null }],
		spread: [{ outcome: 'access-denied', clients: 1 }],
	});
});

t.test('explain asks for a server name and protocols as clients do', async (t) => {
	const routes = [
		{ match: { sni: ['*.eu.example.com'] }, to: ['eu'] },
		{ match: { alpn: ['mqtt'] }, to: ['us'] },
	];
	const listeners = [{ name: 'game', bind: '127.0.0.1:0', tls: { mode: 'passthrough' as const }, routes }];
	const { path } = configFile(t, { ...GOOD, listeners });
	const ask = (...more: string[]) => command('explain', '-c', path, '--listener', 'game', '--ip', '10.1.2.3', ...more);
	const named = await ask('--sni', 'A.EU.example.com.', '--alpn', 'h2', '--alpn', 'mqtt');
	t.match(named.stdout, / {2}identify +ClientHello: server name a\.eu\.example\.com; protocols h2, mqtt/);
	t.match(named.stdout, / {2}=> pool eu, backend eu-1/);
	const other = await ask('--sni', 'eu.example.com', '--alpn', 'mqtt', '--json');
	t.match(JSON.parse(other.stdout), { clients: [{ route: '2', pool: 'us' }] });
	const neither = await ask();
	t.match(neither.stdout, /no server name: only routes without sni match; no protocols offered/);
	t.match(neither.stdout, / {2}=> refused: no-route \(close\)/);
});

t.test('explain names the listeners there are', async (t) => {
	const { path } = configFile(t, GOOD);
	const { code, stderr } = await command('explain', '-c', path, '--listener', 'gane', '--ip', '10.0.0.1');
	t.equal(code, 1);
	t.equal(stderr, '--listener gane: there is no such listener; there are: game\n');
});

t.test('a reader that leaves early is no fault', async (t) => {
	const { spawn } = await import('node:child_process');
	const entry = new URL('../../bin/sluice.ts', import.meta.url).pathname;
	const script = `"${process.execPath}" "${entry}" schema | head -c 1; echo " \${PIPESTATUS[0]}"`;
	const child = spawn(...clean('bash', '-c', script));
	let said = '';
	for await (const chunk of child.stdout) said += chunk;
	t.equal(said, '{ 0\n');
});
