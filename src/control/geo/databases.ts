import type { GeoLookup } from '../../core/ports.ts';
import type { GeoDatabase } from '../../core/snapshot.ts';
import { openEmbeddedGeo } from './embedded.ts';
import { openMmdb } from './mmdb.ts';

/** The databases of one thread, each opened when a snapshot first names it; of files only the latest is kept open. */
export class GeoDatabases {
	private embedded: GeoLookup | null = null;
	private file: { readonly version: number; readonly lookup: GeoLookup } | null = null;

	/** @throws SluiceError when the embedded data cannot be loaded. */
	open(database: GeoDatabase): GeoLookup {
		if (database === 'embedded') {
			this.embedded ??= openEmbeddedGeo();
			return this.embedded;
		}
		if (this.file?.version !== database.version) {
			this.file = { version: database.version, lookup: openMmdb(database.bytes) };
		}
		return this.file.lookup;
	}
}
