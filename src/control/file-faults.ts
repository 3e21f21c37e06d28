import { errorText } from '../core/errors.ts';

const WORDS: Readonly<Record<string, string>> = {
	ENOENT: 'no such file',
	ENOTDIR: 'no such file',
	EACCES: 'permission denied',
	EISDIR: 'it is a directory',
};

/** Why a file cannot be read, in words. */
export const fileFault = (error: unknown): string =>
	WORDS[(error as NodeJS.ErrnoException).code ?? ''] ?? errorText(error);
