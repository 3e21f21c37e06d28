import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AdminServerOptions } from '../server.ts';
import type { AdminHttp } from './typed.ts';

const HERE = new URL('../dashboard/', import.meta.url);
const LIBRARY = createRequire(import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
	html: 'text/html; charset=utf-8',
	css: 'text/css; charset=utf-8',
	js: 'text/javascript; charset=utf-8',
	svg: 'image/svg+xml',
};

/** Files of the page, by name; where they are read. All of them: nothing a client says becomes a path. */
const ASSETS: ReadonlyMap<string, () => URL | string> = new Map<string, () => URL | string>([
	...readdirSync(HERE)
		.filter((name) => /\.(css|js|svg)$/.test(name))
		.map((name): [string, () => URL] => [name, () => new URL(name, HERE)]),
	['uPlot.min.css', () => LIBRARY.resolve('uplot/dist/uPlot.min.css')],
	['uPlot.iife.min.js', () => LIBRARY.resolve('uplot/dist/uPlot.iife.min.js')],
]);

/** Everything comes from here, and nothing is written in the page itself, neither scripts nor styles. */
const POLICY = [
	"default-src 'none'",
	"script-src 'self'",
	"style-src 'self'",
	"connect-src 'self'",
	"img-src 'self'",
	"form-action 'none'",
	"frame-ancestors 'none'",
	"base-uri 'none'",
	"require-trusted-types-for 'script'",
	"trusted-types 'none'",
].join('; ');

/** The page and its files. They tell nothing of the process: what they show they ask for, with the visitor's token. */
export function addDashboardRoutes(http: AdminHttp, _options: AdminServerOptions): void {
	const known = new Map<string, Buffer>();
	const contents = (name: string, place: URL | string): Buffer => {
		const read = known.get(name) ?? readFileSync(place);
		known.set(name, read);
		return read;
	};
	const headers = (name: string): Record<string, string> => ({
		'content-type': TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
		'content-security-policy': POLICY,
		'x-content-type-options': 'nosniff',
		'referrer-policy': 'no-referrer',
		'cache-control': 'no-cache',
	});
	http.get('/', { config: { role: 'anyone' }, schema: { hide: true } }, async (_request, reply) =>
		reply.headers(headers('index.html')).send(contents('index.html', new URL('index.html', HERE))),
	);
	for (const [name, place] of ASSETS) {
		http.get(`/assets/${name}`, { config: { role: 'anyone' }, schema: { hide: true } }, async (_request, reply) =>
			reply.headers(headers(name)).send(contents(name, place())),
		);
	}
}
