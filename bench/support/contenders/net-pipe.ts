import { fileURLToPath } from 'node:url';
import { CERTIFICATE_KINDS, certificateFile, keyFile, pemFiles } from '../tls-files.ts';
import { backendAddresses, type Contender, type Recipe, type Site } from './contender.ts';

const SERVER = fileURLToPath(new URL('./net-pipe-server.ts', import.meta.url));

/** What a few lines of Node do by themselves: `net`, or `tls`, and `pipe`. */
export function netPipe(): Contender {
	return {
		name: 'net-pipe',
		workers: 1,
		isPeer: false,
		missing: () => null,
		version: () => process.version.slice(1),
		recipe: (site: Site): Recipe | string => {
			if (site.feature !== null) return 'a plain pipe has no features';
			const ends = [String(site.port), backendAddresses(site)[0] ?? ''];
			const certificates =
				site.tls === null ? [] : CERTIFICATE_KINDS.flatMap((kind) => [certificateFile(kind), keyFile(kind)]);
			return { files: pemFiles(site.tls), command: [process.execPath, SERVER, ...ends, ...certificates] };
		},
	};
}
