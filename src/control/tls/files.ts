import { createSecureContext } from 'node:tls';
import { ConfigError, type ConfigProblem } from '../../core/errors.ts';
import { fileKeyProblem } from '../config/places.ts';
import type { Config } from '../config/schema.ts';
import { type TlsUse, tlsUses } from '../config/tls-files.ts';
import { FileFault, readRegularFile } from '../regular-file.ts';
import { earliestEndMs, parseChain } from './certificates.ts';
import { TlsFault } from './fault.ts';
import { type CheckedPair, checkPair } from './key-pair.ts';

/** Chains, bundles of authorities and OCSP responses are far from it. */
const MAX_BYTES = 4 * 1024 * 1024;

/** What the files of one use hold, read and found good. */
export type Reading = { readonly stamp: string } & (
	| ({ readonly type: 'pair' } & CheckedPair)
	| { readonly type: 'authorities'; readonly pem: string; readonly notAfterMs: number }
);

/** What all certificate files of a configuration hold, by `useKey`. */
export type TlsFiles = ReadonlyMap<string, Reading>;

/** The same for all places that name the same files. */
export const useKey = (use: UseFiles): string => JSON.stringify(use.type === 'pair' ? filesOf(use) : use.file);

type UseFiles =
	| Pick<Extract<TlsUse, { type: 'pair' }>, 'type' | 'files'>
	| Pick<Extract<TlsUse, { type: 'authorities' }>, 'type' | 'file'>;

/** The files of a use: certificate, key and OCSP response, or authorities. */
export function filesOf(use: UseFiles): readonly string[] {
	if (use.type === 'authorities') return [use.file];
	const { cert, key, ocsp } = use.files;
	return ocsp === null ? [cert, key] : [cert, key, ocsp];
}

/**
 * Reads and checks every certificate file that a configuration names, each once.
 * @throws ConfigError with all that is wrong, at the places of the keys.
 */
export async function readTlsFiles(config: Config): Promise<TlsFiles> {
	const files = new Map<string, Reading>();
	const problems: ConfigProblem[] = [];
	for (const use of tlsUses(config)) {
		const key = useKey(use);
		if (files.has(key)) continue;
		try {
			files.set(key, await readUse(use));
		} catch (error) {
			if (!(error instanceof TlsFault)) throw error;
			problems.push(problemOf(config, use, error));
		}
	}
	problems.push(...defaultProblems(config, files));
	if (problems.length > 0) throw new ConfigError(problems);
	return files;
}

/** @throws TlsFault */
export async function readUse(use: TlsUse): Promise<Reading> {
	if (use.type === 'authorities') return readAuthorities(use.file);
	const cert = await read(use.files.cert, 'cert');
	const key = await read(use.files.key, 'key');
	const ocsp = use.files.ocsp === null ? null : await read(use.files.ocsp, 'ocsp');
	const parts = ocsp === null ? [cert, key] : [cert, key, ocsp];
	return {
		type: 'pair',
		...checkPair(text(cert), text(key), ocsp?.bytes ?? null),
		stamp: parts.map(({ stamp }) => stamp).join('\n'),
	};
}

async function readAuthorities(file: string): Promise<Reading> {
	const contents = await read(file, 'ca');
	const { pem, certificates } = parseChain(text(contents), 'ca');
	createSecureContext({ ca: pem });
	return { type: 'authorities', stamp: contents.stamp, pem, notAfterMs: earliestEndMs(certificates) };
}

interface Contents {
	readonly bytes: Uint8Array;
	readonly stamp: string;
}

async function read(file: string, at: TlsFault['at']): Promise<Contents> {
	try {
		return await readRegularFile(file, MAX_BYTES, (bytes) => new ArrayBuffer(bytes));
	} catch (error) {
		if (error instanceof FileFault) throw new TlsFault(at, error.message);
		throw error;
	}
}

const text = ({ bytes }: Contents): string => Buffer.from(bytes).toString('latin1');

function problemOf(config: Config, use: TlsUse, { at, message }: TlsFault): ConfigProblem {
	if (use.type === 'authorities') return fileKeyProblem(config, use.path, `cannot use ${use.file}: ${message}`);
	const file = at === 'ca' ? null : use.files[at];
	return fileKeyProblem(config, [...use.path, at], `cannot use ${file}: ${message}`);
}

/** OpenSSL can choose between defaults by their kinds of keys alone. */
function defaultProblems(config: Config, files: TlsFiles): ConfigProblem[] {
	const seen = new Set<string>();
	const defaults = tlsUses(config).filter((use) => isDefault(config, use));
	return defaults.flatMap((use) => {
		const reading = files.get(useKey(use));
		if (reading?.type !== 'pair') return [];
		const kind = `${use.owner.name} ${reading.keyType}`;
		if (!seen.has(kind)) {
			seen.add(kind);
			return [];
		}
		const message = `listener ${use.owner.name} has another default with a key of type ${reading.keyType}`;
		return [fileKeyProblem(config, [...use.path, 'default'], message)];
	});
}

function isDefault(config: Config, { type, path }: TlsUse): boolean {
	const [section, i, , , j] = path;
	if (type !== 'pair' || section !== 'listeners') return false;
	return config.listeners[Number(i)]?.tls?.certificates?.[Number(j)]?.default === true;
}
