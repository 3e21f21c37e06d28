import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { clean } from './support/clean-node.ts';
import { configFile } from './support/sluice-process.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const execute = promisify(execFile);
const run = (cwd: string, program: string, ...args: string[]) => execute(...clean(program, ...args), { cwd });

interface LockFile {
	readonly packages: Record<string, { readonly dev?: boolean; readonly dependencies?: object }>;
}

/** The tarball that would be published, with a name of its own. */
async function pack(folder: string): Promise<void> {
	const { stdout } = await run(ROOT, 'npm', 'pack', '--json', '--silent', '--pack-destination', folder);
	const name = /"filename":\s*"([^"]+)"/.exec(stdout)?.[1] ?? '';
	renameSync(join(folder, name), join(folder, 'sluice.tgz'));
}

/** An empty project with the tarball installed: dependencies at the versions of our lock file, out of npm's cache. */
async function install(folder: string): Promise<void> {
	const dependencies = { sluice: 'file:sluice.tgz' };
	const ours: LockFile = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
	const needed = Object.entries(ours.packages).filter(([path, entry]) => path !== '' && entry.dev !== true);
	const {
		version,
		dependencies: own,
		optionalDependencies,
		bin,
	} = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
	const packages = {
		'': { name: 'consumer', dependencies },
		...Object.fromEntries(needed),
		'node_modules/sluice': { version, resolved: 'file:sluice.tgz', dependencies: own, optionalDependencies, bin },
	};
	writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module', dependencies }));
	writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ name: 'consumer', lockfileVersion: 3, packages }));
	await run(folder, 'npm', 'ci', '--prefer-offline', '--no-audit', '--no-fund');
}

const PROGRAM = `
import { createServer, connect } from 'node:net';
import { createSluice } from 'sluice';
const backend = createServer((socket) => socket.end('hello\\n')).listen(0, '127.0.0.1');
await new Promise((resolve) => backend.once('listening', resolve));
const { promise: outcome, resolve: ended } = Promise.withResolvers<string>();
{
	await using sluice = await createSluice(
		{
			workers: 2,
			geo: { regions: { eu: { continents: ['europe'] } } },
			listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
			pools: [{ name: 'main', backends: [{ address: \`127.0.0.1:\${(backend.address() as { port: number }).port}\` }] }],
		},
		{ onRecord: (record) => ended(record.outcome) },
	);
	const socket = connect(Number(sluice.addresses[0]?.address.split(':')[1]), '127.0.0.1');
	for await (const chunk of socket) process.stdout.write(chunk);
	console.log(await outcome);
}
backend.close();
`;

const WRONG = `import { createSluice } from 'sluice';\nawait createSluice({ listeners: [{ name: 5 }], pools: [] });\n`;

t.test('the packed package works in an empty project', { timeout: 120_000 }, async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	await pack(folder);
	await install(folder);
	const node = (...args: string[]) => run(folder, process.execPath, ...args);
	const command = join('node_modules', '.bin', 'sluice');

	await t.test('as a library, with its workers', async (t) => {
		writeFileSync(join(folder, 'program.ts'), PROGRAM);
		t.equal((await node('program.ts')).stdout, 'hello\ncompleted\n');
	});

	await t.test('as a command', async (t) => {
		const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
		t.equal((await node(command, '--version')).stdout, `${version}\n`);
		const { path } = configFile(t, {
			listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
			pools: [{ name: 'main', backends: [{ address: '127.0.0.1:9' }] }],
		});
		t.equal((await node(command, 'check', '-c', path)).stdout, 'ok: 1 listeners, 1 pools, 1 backends\n');
		t.equal((await node(command, 'geo', '193.99.144.85')).stdout, '193.99.144.85  DE\n');
	});

	await t.test('with types that know the configuration', async (t) => {
		writeFileSync(join(folder, 'wrong.ts'), WRONG);
		const options = [
			'--noEmit',
			'--strict',
			'--target',
			'es2024',
			'--module',
			'nodenext',
			'--lib',
			'es2024,esnext.disposable,dom',
		];
		const tsc = (file: string) =>
			node(
				join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'),
				...options,
				'--typeRoots',
				join(ROOT, 'node_modules', '@types'),
				'--types',
				'node',
				file,
			);
		t.equal((await tsc('program.ts')).stdout, '');
		const wrong = await tsc('wrong.ts').catch((error: { stdout: string }) => error);
		t.match(wrong.stdout, /Type 'number' is not assignable to type 'string'/);
	});

	await t.test('and holds what it should', (t) => {
		const files = JSON.parse(readFileSync(join(folder, 'node_modules', 'sluice', 'package.json'), 'utf8'));
		t.match(files, { name: 'sluice', license: 'Apache-2.0' });
		for (const file of ['LICENSE', 'README.md', 'config/REFERENCE.md', 'dist/src/worker.js', 'dist/src/index.d.ts']) {
			t.ok(readFileSync(join(folder, 'node_modules', 'sluice', file)).length > 0, file);
		}
		t.end();
	});
});
