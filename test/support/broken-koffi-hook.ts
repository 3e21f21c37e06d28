/**
 * Loaded by `--import` into a process that shall not be able to use the epoll engine: `BROKEN` says what is
 * missing there (see `broken-koffi.ts`). The product knows nothing of it.
 */
import Module from 'node:module';
import type { Fault } from './broken-koffi.ts';

type Call = (...args: number[]) => number;
interface Library {
	func(declaration: string): Call;
}
interface Koffi {
	load(path: null): Library;
}
type Load = (request: string, ...rest: unknown[]) => unknown;

const fault = process.env.BROKEN as Fault | undefined;
const loader = Module as unknown as { _load: Load };
const load = loader._load;

/** The real thing, but for the function that is broken. */
function broken(koffi: Koffi): Koffi {
	const name = fault?.split('-')[0] ?? '';
	return {
		...koffi,
		load: (path) => {
			const library = koffi.load(path);
			return {
				func: (declaration) => {
					if (!declaration.includes(` ${name}(`)) return library.func(declaration);
					if (fault === 'splice') throw new Error(`Cannot find function '${name}' in shared library`);
					const close = library.func('int close(int)');
					// A call that fails, so that errno is not 0.
					return () => close(-1);
				},
			};
		},
	};
}

if (fault === 'platform') Object.defineProperty(process, 'platform', { value: 'darwin' });
if (fault === 'layout') Object.defineProperty(process, 'arch', { value: 'mips' });
loader._load = (request, ...rest) => {
	if (request !== 'koffi') return load.call(Module, request, ...rest);
	if (fault === 'koffi') throw Object.assign(new Error("Cannot find module 'koffi'"), { code: 'MODULE_NOT_FOUND' });
	const koffi = load.call(Module, request, ...rest) as Koffi;
	return fault?.startsWith('splice') || fault?.startsWith('eventfd') ? broken(koffi) : koffi;
};
