import { existsSync, readFileSync } from 'node:fs';

/** The package's version; its package.json lies one folder higher when this runs from `dist`. */
export function packageVersion(): string {
	for (const place of ['../../package.json', '../../../package.json']) {
		const url = new URL(place, import.meta.url);
		if (!existsSync(url)) continue;
		const { name, version }: { name?: string; version?: string } = JSON.parse(readFileSync(url, 'utf8'));
		if (name === 'sluice' && version !== undefined) return version;
	}
	return 'unknown';
}
