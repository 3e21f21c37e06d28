import { posix } from 'node:path';
import { codeOnly, importsOf } from './source-scan.ts';

/** A source file by its path from the root, with forward slashes. */
export interface SourceFile {
	readonly path: string;
	readonly text: string;
}

const COMPOSITION = ['core', 'wire', 'shared', 'policy', 'session', 'engine', 'control'];

/** The table of the house: which parts a part may import, besides itself. */
export const FLOORS: Readonly<Record<string, readonly string[]>> = {
	core: [],
	wire: ['core'],
	shared: ['core'],
	policy: ['core', 'shared'],
	session: ['core', 'wire', 'policy', 'shared'],
	engine: ['core', 'wire', 'shared', 'session'],
	control: ['core', 'wire', 'policy', 'shared'],
	app: COMPOSITION,
	cli: ['app', 'control', 'policy', 'core'],
};

export const PURE: ReadonlySet<string> = new Set(['core', 'wire', 'shared', 'policy', 'session']);

/** The only libraries that pure parts may use. */
const PURE_LIBRARIES: Readonly<Record<string, readonly string[]>> = { policy: ['ipaddr.js'] };

/**
 * Files beside the folders: only what puts both planes together may see both, so it stands on no floor of its own. The
 * main thread (`app`) with what it is made of (`app-parts`) and its side of a native engine (`native`), the worker
 * thread (`worker`) with what runs in it (`data-plane`), and the clock and the random numbers that both lend to the
 * parts below, which may not ask for them.
 */
const ROOTS: Readonly<Record<string, string>> = {
	'src/app.ts': 'app',
	'src/app-parts.ts': 'app',
	'src/worker.ts': 'app',
	'src/clock.ts': 'app',
	'src/rng.ts': 'app',
	'src/data-plane.ts': 'app',
	'src/native.ts': 'app',
	'src/index.ts': 'cli',
};

/** Names that stand for time, chance or the outside world; pure parts get these as arguments. */
const FORBIDDEN: readonly [name: string, pattern: RegExp][] = [
	...['Date', 'performance', 'hrtime', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'].map(
		(name): [string, RegExp] => [name, new RegExp(`(?<![\\w$.])${name}(?![\\w$:?])`)],
	),
	['Math.random', /\bMath\s*\.\s*random\b/],
	[
		'process',
		/(?<![\w$.])process\s*\??\.\s*(?:env|hrtime|nextTick|argv|exit|pid|on|emit|cwd|stdout|stderr|uptime|platform|memoryUsage|versions?)\b/,
	],
	['globalThis', /(?<![\w$.])globalThis\b/],
];

/** Which part of the house a file belongs to, or null when it has no place there. */
export function partOf(path: string): string | null {
	const root = ROOTS[path];
	if (root !== undefined) return root;
	if (/^bin\/[^/]+\.ts$/.test(path)) return 'cli';
	const folder = /^src\/([a-z]+)\//.exec(path)?.[1];
	return folder !== undefined && folder in FLOORS && folder !== 'app' ? folder : null;
}

/** Everything in these files that breaks the house rules, one sentence each. */
export function violations(files: readonly SourceFile[]): string[] {
	return files.flatMap((file) => {
		const part = partOf(file.path);
		if (part === null) return [`${file.path} is in no floor of the house`];
		const wrong = importsOf(file.text).flatMap((name) => wrongImport(file.path, part, name));
		return PURE.has(part) ? [...wrong, ...forbiddenNames(file)] : wrong;
	});
}

function wrongImport(path: string, part: string, name: string): string[] {
	if (!name.startsWith('.')) {
		if (!PURE.has(part) || (PURE_LIBRARIES[part] ?? []).includes(name)) return [];
		return [`${path} is pure and imports ${name}`];
	}
	const target = posix.join(posix.dirname(path), name);
	if (target === 'package.json') return PURE.has(part) ? [`${path} is pure and imports ${target}`] : [];
	const other = partOf(target);
	if (other === part || (other !== null && FLOORS[part]?.includes(other))) return [];
	return [`${path} imports ${target}, which is no floor below it`];
}

function forbiddenNames(file: SourceFile): string[] {
	const code = codeOnly(file.text);
	return FORBIDDEN.filter(([, pattern]) => pattern.test(code)).map(
		([name]) => `${file.path} is pure and names ${name}`,
	);
}
