import type { Config } from '../config/schema.ts';
import { tlsUses } from '../config/tls-files.ts';
import type { LogFields } from '../log.ts';
import { mainFile, type Reading, type TlsFiles, type UseFiles, useKey } from './files.ts';

const DAY_MS = 86_400_000;
/** So long before its end a certificate is talked about. */
const SOON_MS = 14 * DAY_MS;

/** Certificate files with all who use them. */
export interface Watched {
	readonly key: string;
	readonly use: UseFiles;
	/** `{ listener: 'game' }`, of several with commas; the same of pools. */
	readonly owners: LogFields;
}

/** What a log line or a warning says of certificates that are served all the same. */
export interface Remark {
	readonly msg: string;
	readonly fields: LogFields;
}

/** Each set of files once, in file order. */
export function watchedFiles(config: Config): Watched[] {
	const uses = Map.groupBy(tlsUses(config), useKey);
	return [...uses].flatMap(([key, all]) => {
		const [use] = all;
		const namesOf = (kind: 'listener' | 'pool'): string =>
			[...new Set(all.flatMap(({ owner }) => (owner.kind === kind ? owner.name : [])))].join(', ');
		const owners = { listener: namesOf('listener'), pool: namesOf('pool') };
		return use === undefined
			? []
			: [{ key, use, owners: Object.fromEntries(Object.entries(owners).filter(([, names]) => names !== '')) }];
	});
}

/** What an operator should know of them: the end is near, or clients may stumble. */
export function remarksOn({ use, owners }: Watched, reading: Reading, nowMs: number): Remark[] {
	const fields = { ...owners, file: mainFile(use) };
	const { notBeforeMs, notAfterMs } = reading.validity;
	const notAfter = dateText(notAfterMs);
	const remarks: Remark[] = [];
	if (nowMs >= notAfterMs) remarks.push({ msg: 'certificate has expired', fields: { ...fields, notAfter } });
	else if (notAfterMs - nowMs <= SOON_MS) {
		const days = Math.floor((notAfterMs - nowMs) / DAY_MS);
		remarks.push({ msg: 'certificate expires soon', fields: { ...fields, notAfter, days } });
	}
	if (nowMs < notBeforeMs) {
		remarks.push({ msg: 'certificate is not valid yet', fields: { ...fields, notBefore: dateText(notBeforeMs) } });
	}
	if (reading.type === 'pair' && reading.flaw !== null) {
		remarks.push({ msg: 'certificate chain is out of order', fields: { ...fields, reason: reading.flaw } });
	}
	return remarks;
}

/** All remarks as lines for people. */
export const remarkTexts = (config: Config, files: TlsFiles, nowMs: number): string[] =>
	watchedFiles(config).flatMap((watched) => {
		const reading = files.get(watched.key);
		const remarks = reading === undefined ? [] : remarksOn(watched, reading, nowMs);
		return remarks.map(({ msg, fields }) => `${msg}: ${fieldsText(fields)}`);
	});

const fieldsText = (fields: LogFields): string =>
	Object.entries(fields)
		.map(([name, value]) => `${name} ${value}`)
		.join(', ');

export const dateText = (ms: number): string => new Date(ms).toISOString();
