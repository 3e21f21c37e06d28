import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { SocketTarget } from '../../core/address.ts';
import { ConfigError, type ConfigProblem, EXIT, SluiceError } from '../../core/errors.ts';
import { fileFault } from '../file-faults.ts';
import type { SecretPlace } from './fields-secrets.ts';
import { findingsOf, formatPath, wording } from './findings.ts';
import { rememberPlaces } from './places.ts';
import { rememberText } from './reading.ts';
import { checkReferences } from './references.ts';
import { type Config, configSchema } from './schema.ts';
import { absoluteListenerTls, absolutePoolTls } from './tls-files.ts';
import { byPlace } from './together.ts';
import { type Finding, sizeFault, YamlText } from './yaml-document.ts';

/** A configuration is read whole; beyond this it is not one. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Reads and checks a configuration file (YAML 1.2 or JSON, UTF-8).
 * @throws ConfigError with every fault of the file, in the order of their places in it.
 * @throws SluiceError `config-unreadable` when it cannot be read. Both exit with 1.
 */
export function loadConfigFile(path: string): Config {
	return parseConfigText(readText(path), { file: path });
}

/**
 * Checks a configuration's text. `file` is the name used in messages, and relative paths are relative to its folder, unless
 * another one is given.
 * @throws ConfigError
 */
export function parseConfigText(
	text: string,
	{ file, folder = dirname(resolve(file)) }: { readonly file: string; readonly folder?: string },
): Config {
	const yaml = parseYaml(text, file);
	if (yaml.faults.length > 0)
		throw new ConfigError(inOrder(yaml.faults.map((fault) => ({ file, path: '', ...fault }))));
	const result = check(yaml.value, folder);
	if (result.config !== null) {
		rememberPlaces(result.config, (path) => ({ file, ...yaml.locate({ path, message: '' }) }));
		rememberText(result.config, text);
		return result.config;
	}
	throw new ConfigError(
		inOrder(
			result.findings.map((finding) => ({
				file,
				...yaml.locate(finding),
				path: formatPath(finding.path),
				message: finding.message,
			})),
		),
	);
}

/**
 * Checks a configuration given as an object, as a file would be written. Problems have line and column 0; relative
 * paths are relative to `folder`, at first the working directory.
 * @throws ConfigError
 */
export function parseConfigObject(
	object: unknown,
	{ folder = process.cwd() }: { readonly folder?: string } = {},
): Config {
	const fault = sizeFault(object);
	const result = fault === null ? check(object, folder) : { config: null, findings: [{ path: [], message: fault }] };
	if (result.config !== null) return result.config;
	const problems = result.findings.map(({ path, message }) => ({
		file: 'configuration',
		line: 0,
		column: 0,
		path: formatPath(path),
		message,
	}));
	throw new ConfigError(problems);
}

const EMPTY: Finding = { path: [], message: 'is empty: it needs listeners and pools' };

type Checked = { readonly config: Config } | { readonly config: null; readonly findings: readonly Finding[] };

/** The schema's faults and those between keys are found side by side, so that all are told at once. */
function check(value: unknown, folder: string): Checked {
	if (value === null) return { config: null, findings: [EMPTY] };
	const result = configSchema.safeParse(value, { error: wording, reportInput: true });
	const findings = [...(result.success ? [] : findingsOf(result.error.issues)), ...checkReferences(value, folder)];
	if (result.success && findings.length === 0) return { config: withAbsolutePaths(result.data, folder) };
	return { config: null, findings };
}

function withAbsolutePaths(config: Config, folder: string): Config {
	const absolute = (target: SocketTarget): SocketTarget =>
		target.type === 'unix' && !isAbsolute(target.path) ? { type: 'unix', path: resolve(folder, target.path) } : target;
	const { geo } = config;
	return {
		...config,
		...(config.state && { state: resolve(folder, config.state) }),
		...(config.history && { history: resolve(folder, config.history) }),
		...(config.admin && { admin: absoluteAdmin(config.admin, folder) }),
		alerts: config.alerts.map((alert) => absoluteWebhook(alert, folder)),
		geo: geo.database === 'embedded' ? geo : { ...geo, database: resolve(folder, geo.database) },
		listeners: config.listeners.map((listener) => ({
			...listener,
			bind: listener.bind.map(absolute),
			...(listener.tls && { tls: absoluteListenerTls(listener.tls, folder) }),
		})),
		pools: config.pools.map((pool) => ({
			...pool,
			...(pool.tls && { tls: absolutePoolTls(pool.tls, folder) }),
			backends: pool.backends.map((backend) => ({ ...backend, address: absolute(backend.address) })),
		})),
	};
}

function absoluteAdmin(admin: NonNullable<Config['admin']>, folder: string): NonNullable<Config['admin']> {
	const { bind, tokens, tls } = admin;
	return {
		...admin,
		bind: bind.type === 'unix' ? { type: 'unix', path: resolve(folder, bind.path) } : bind,
		tokens: tokens.map(({ role, token }) => ({ role, token: absoluteSecret(token, folder) })),
		...(tls && { tls: { cert: resolve(folder, tls.cert), key: resolve(folder, tls.key) } }),
	};
}

function absoluteWebhook(alert: Config['alerts'][number], folder: string): Config['alerts'][number] {
	return alert.webhook === undefined ? alert : { ...alert, webhook: absoluteSecret(alert.webhook, folder) };
}

const absoluteSecret = <P extends { readonly from: string }>(place: P | SecretFile, folder: string): P | SecretFile =>
	isSecretFile(place) ? { from: 'file', path: resolve(folder, place.path) } : place;

type SecretFile = Extract<SecretPlace, { readonly from: 'file' }>;
const isSecretFile = (place: { readonly from: string }): place is SecretFile => place.from === 'file';

function parseYaml(text: string, file: string): YamlText {
	try {
		return new YamlText(text);
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		throw new ConfigError([{ file, line: 1, column: 1, path: '', message: 'nested too deeply' }]);
	}
}

/** By place; one that repeats the one before it (a parser that stumbles on) is dropped. */
const inOrder = (problems: readonly ConfigProblem[]): ConfigProblem[] =>
	byPlace(problems).filter((problem, i, all) => i === 0 || !isDeepStrictEqual(problem, all[i - 1]));

function readText(path: string): string {
	const bytes = readCapped(path);
	if (bytes.length > MAX_FILE_BYTES) {
		throw unreadable(path, `larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`);
	}
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
	} catch (error) {
		throw unreadable(path, 'not UTF-8 text', error);
	}
}

/** At most one byte more than the cap, whatever the path names: a device never ends. */
function readCapped(path: string): Uint8Array {
	try {
		const fd = openSync(path, 'r');
		try {
			const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
			let length = 0;
			for (let read = -1; read !== 0 && length < buffer.length; length += read) {
				read = readSync(fd, buffer, length, buffer.length - length, null);
			}
			return buffer.subarray(0, length);
		} finally {
			closeSync(fd);
		}
	} catch (error) {
		throw unreadable(path, fileFault(error), error);
	}
}

function unreadable(path: string, why: string, cause?: unknown): SluiceError {
	return new SluiceError('config-unreadable', `configuration ${path}: cannot be read: ${why}`, {
		exitCode: EXIT.usage,
		cause,
	});
}
