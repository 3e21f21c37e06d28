import { isDeepStrictEqual } from 'node:util';
import { ConfigError, type ConfigProblem } from '../../core/errors.ts';
import { fileKeyProblem } from '../config/places.ts';
import type { Config } from '../config/schema.ts';
import { type TlsUse, tlsUses } from '../config/tls-files.ts';
import { byPlace } from '../config/together.ts';
import { FileFault, readRegularFile, stampOf } from '../regular-file.ts';
import { dnsNames, longestValidity, parseChain, type Validity } from './certificates.ts';
import { TlsFault } from './fault.ts';
import { type CheckedPair, checkPair } from './key-pair.ts';

/** Chains, bundles of authorities and OCSP responses are far from it. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Files that are read together. */
export type UseFiles =
	| Pick<Extract<TlsUse, { type: 'pair' }>, 'type' | 'files'>
	| Pick<Extract<TlsUse, { type: 'authorities' }>, 'type' | 'file'>;

/** What such files hold, read and found good. `stamp`: which state of them, see `stampOfUse`. */
export type Reading = { readonly stamp: string } & (
	| ({ readonly type: 'pair' } & CheckedPair)
	| { readonly type: 'authorities'; readonly pem: string; readonly validity: Validity }
);

/** What all certificate files of a configuration hold, by `useKey`. */
export type TlsFiles = ReadonlyMap<string, Reading>;

/** The same for all places that name the same files. */
export const useKey = (use: UseFiles): string => JSON.stringify([use.type, ...pathsOf(use)]);

/** Certificate, key and OCSP response, or authorities. */
function pathsOf(use: UseFiles): readonly string[] {
	if (use.type === 'authorities') return [use.file];
	const { cert, key, ocsp } = use.files;
	return ocsp === null ? [cert, key] : [cert, key, ocsp];
}

/** What a log line calls the files by. */
export const mainFile = (use: UseFiles): string => (use.type === 'pair' ? use.files.cert : use.file);

/** Where a fault is. */
export function faultyFile(use: UseFiles, { at }: TlsFault): string {
	if (use.type === 'authorities' || at === 'ca') return mainFile(use);
	return use.files[at] ?? use.files.cert;
}

/** Changes when any of the files does. Never rejects. */
export const stampOfUse = async (use: UseFiles): Promise<string> =>
	joined(await Promise.all(pathsOf(use).map(stampOf)));

const joined = (stamps: readonly string[]): string => stamps.join('\n');

/** Whether the same would be served by both. */
export const sameContents = ({ stamp: _a, ...a }: Reading, { stamp: _b, ...b }: Reading): boolean =>
	isDeepStrictEqual(a, b);

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
	if (problems.length > 0) throw new ConfigError(byPlace(problems));
	return files;
}

/** @throws TlsFault */
export async function readUse(use: UseFiles): Promise<Reading> {
	if (use.type === 'authorities') return readAuthorities(use.file);
	const cert = await read(use.files.cert, 'cert');
	const key = await read(use.files.key, 'key');
	const ocsp = use.files.ocsp === null ? null : await read(use.files.ocsp, 'ocsp');
	const checked = checkPair(text(cert), text(key), ocsp?.bytes ?? null);
	const parts = ocsp === null ? [cert, key] : [cert, key, ocsp];
	return { type: 'pair', ...checked, stamp: joined(parts.map(({ stamp }) => stamp)) };
}

/** The DNS names of a certificate, without a look at its key. @throws TlsFault */
export const readNames = async (file: string): Promise<readonly string[]> =>
	dnsNames(parseChain(text(await read(file, 'cert')), 'cert').leaf);

async function readAuthorities(file: string): Promise<Reading> {
	const contents = await read(file, 'ca');
	const { pem, certificates } = parseChain(text(contents), 'ca');
	return { type: 'authorities', stamp: contents.stamp, pem, validity: longestValidity(certificates) };
}

interface Contents {
	readonly bytes: Uint8Array;
	readonly stamp: string;
}

async function read(file: string, at: TlsFault['at']): Promise<Contents> {
	try {
		return await readRegularFile(file, MAX_BYTES, (bytes) => new ArrayBuffer(bytes));
	} catch (error) {
		if (error instanceof FileFault) throw new TlsFault(at, error.message, true);
		throw error;
	}
}

const text = ({ bytes }: Contents): string => Buffer.from(bytes).toString('latin1');

function problemOf(config: Config, use: TlsUse, fault: TlsFault): ConfigProblem {
	const path = use.type === 'pair' ? [...use.path, fault.at] : use.path;
	return fileKeyProblem(config, path, `cannot use ${faultyFile(use, fault)}: ${fault.message}`);
}

/** OpenSSL can choose between defaults by their kinds of keys alone. */
function defaultProblems(config: Config, files: TlsFiles): ConfigProblem[] {
	const seen = new Set<string>();
	return tlsUses(config).flatMap((use) => {
		const reading = files.get(useKey(use));
		if (use.type !== 'pair' || !use.isDefault || reading?.type !== 'pair') return [];
		const kind = `${use.owner.name} ${reading.keyType}`;
		if (!seen.has(kind)) {
			seen.add(kind);
			return [];
		}
		const message = `there is another default with a key of type ${reading.keyType}: one for each type may be`;
		return [fileKeyProblem(config, [...use.path, 'default'], message)];
	});
}
