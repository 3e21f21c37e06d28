/** A value as the reader decoded it, and where in the file it ended. */
interface Decoded {
	readonly value: unknown;
	readonly offset: number;
}

/** Entries of one generation; there are two. About 2 MB in all. */
const GENERATION = 4_096;
const LONGEST_KEPT = 64;

/**
 * What the reader has decoded, by its place in the file: records, and the parts that records share. Holds of each
 * what a country is found by, and no more, so that a city record costs as little as a country's. Bounded: when the
 * young generation is full the old one is forgotten, and what is asked for meanwhile stays.
 */
export class RecordCache {
	private young = new Map<string | number, Decoded>();
	private old = new Map<string | number, Decoded>();

	get(place: string | number): Decoded | undefined {
		const young = this.young.get(place);
		if (young !== undefined) return young;
		const old = this.old.get(place);
		if (old !== undefined) this.keep(place, old);
		return old;
	}

	set(place: string | number, { value, offset }: Decoded): void {
		this.keep(place, { value: essence(value), offset });
	}

	get size(): number {
		return this.young.size + this.old.size;
	}

	private keep(place: string | number, decoded: Decoded): void {
		if (this.young.size >= GENERATION) {
			this.old = this.young;
			this.young = new Map();
		}
		this.young.set(place, decoded);
	}
}

/** Short texts, for they are the keys of maps; of a map its country and its code. What is left out was asked for by nobody. */
function essence(value: unknown): unknown {
	if (typeof value === 'string') return value.length <= LONGEST_KEPT ? value : null;
	if (typeof value !== 'object' || value === null) return null;
	const code: unknown = Reflect.get(value, 'iso_code');
	const country: unknown = Reflect.get(value, 'country');
	if (typeof country !== 'object' || country === null) return { iso_code: code };
	const countryCode: unknown = Reflect.get(country, 'iso_code');
	return { iso_code: code, country: { iso_code: countryCode } };
}
