import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { FLOORS, type SourceFile, violations } from './support/floors.ts';
import { importsOf } from './support/source-scan.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FEWEST_FILES = 60;

function sourceFiles(): SourceFile[] {
	return ['src', 'bin'].flatMap((folder) =>
		readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
			.filter((name) => name.endsWith('.ts'))
			.map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
			.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })),
	);
}

t.test('the scan reads the files it means to', (t) => {
	const paths = sourceFiles().map((file) => file.path);
	t.ok(paths.length >= FEWEST_FILES, `at least ${FEWEST_FILES} files, found ${paths.length}`);
	for (const folder of ['core', 'wire', 'shared', 'policy', 'session', 'engine', 'control', 'cli']) {
		t.ok(folder in FLOORS && paths.some((path) => path.startsWith(`src/${folder}/`)), `src/${folder} was read`);
	}
	for (const path of ['src/app.ts', 'src/app-parts.ts', 'src/worker.ts', 'src/index.ts', 'bin/sluice.ts'])
		t.ok(paths.includes(path), path);
	const relative = sourceFiles().flatMap((file) => importsOf(file.text).filter((name) => name.startsWith('.')));
	t.ok(relative.length >= FEWEST_FILES, 'and sees their imports');
	t.end();
});

t.test('imports go down only, and pure floors name no time, chance or outside world', (t) => {
	t.strictSame(violations(sourceFiles()), []);
	t.end();
});

t.test('a planted violation is found', (t) => {
	const planted: [path: string, text: string][] = [
		['src/core/a.ts', "import { b } from '../policy/b.ts';"],
		['src/core/a.ts', "import type { b } from '../shared/b.ts';"],
		['src/core/a.ts', "export type { b } from '../shared/b.ts';"],
		['src/core/a.ts', "export * from '../shared/b.ts';"],
		['src/wire/a.ts', "import '../shared/b.ts';"],
		['src/shared/a.ts', "import {\n\tb,\n\tc,\n} from '../policy/b.ts';"],
		['src/policy/a.ts', "type B = import('../session/b.ts').B;"],
		['src/policy/a.ts', "import ip from 'yaml';"],
		['src/session/a.ts', "import { b } from '../engine/b.ts';"],
		['src/session/a.ts', "import { connect } from 'node:net';"],
		['src/session/a.ts', "const net = await import('node:net');"],
		['src/engine/node/a.ts', "import { b } from '../../policy/b.ts';"],
		['src/engine/node/a.ts', "import { b } from '../../control/b.ts';"],
		['src/control/a.ts', "import type { b } from '../session/b.ts';"],
		['src/control/geo/a.ts', "import { b } from '../../engine/b.ts';"],
		['src/control/a.ts', "import { b } from '../app.ts';"],
		['src/control/a.ts', "import type { b } from '../app-parts.ts';"],
		['src/app.ts', "import { b } from './cli/b.ts';"],
		['src/app-parts.ts', "import { b } from './cli/b.ts';"],
		['src/cli/a.ts', "import { b } from '../session/b.ts';"],
		['src/index.ts', "import { b } from './engine/b.ts';"],
		['src/helpers/a.ts', ''],
		['src/extra.ts', ''],
		['src/core/a.ts', 'export const a = Date.now();'],
		['src/core/a.ts', 'export const a = new Date();'],
		['src/wire/a.ts', 'export const a = performance.now();'],
		['src/shared/a.ts', 'export const a = process.hrtime.bigint();'],
		['src/policy/a.ts', 'export const a = () => Math.random();'],
		['src/policy/a.ts', `export const a = \`\${Math.random()}\`;`],
		['src/session/a.ts', 'setTimeout(() => {}, 1);'],
		['src/session/a.ts', 'queueMicrotask(() => {});'],
		['src/session/a.ts', 'export const a = process.env.HOME;'],
		['src/session/a.ts', 'globalThis.a = 1;'],
	];
	for (const [path, text] of planted) t.equal(violations([{ path, text }]).length, 1, `${path}: ${text}`);
	t.end();
});

t.test('what only looks like a violation is let through', (t) => {
	const innocent: [path: string, text: string][] = [
		['src/core/a.ts', "// import { b } from '../policy/b.ts';\n/* Date.now() */"],
		['src/core/a.ts', "export const a = 'Date and process.env';"],
		['src/core/a.ts', 'export const a = `setTimeout`;'],
		['src/policy/a.ts', "import ip from 'ipaddr.js';"],
		['src/policy/a.ts', 'export const a = snapshot.process.slot;'],
		['src/session/a.ts', "import { b } from '../policy/b.ts';"],
		['src/worker.ts', "import { b } from './engine/b.ts';\nimport { c } from './control/c.ts';"],
		['src/core/a.ts', 'export const a = /[\'"`]/.test(b);'],
	];
	for (const [path, text] of innocent) t.strictSame(violations([{ path, text }]), [], `${path}: ${text}`);
	t.end();
});
