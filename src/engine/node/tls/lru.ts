/** A map of at most so many entries; the least recently used goes first. */
export class Lru<K, V> {
	readonly #limit: number;
	readonly #entries = new Map<K, V>();

	constructor(limit: number) {
		this.#limit = limit;
	}

	get size(): number {
		return this.#entries.size;
	}

	get(key: K): V | undefined {
		const value = this.#entries.get(key);
		if (value !== undefined) {
			this.#entries.delete(key);
			this.#entries.set(key, value);
		}
		return value;
	}

	set(key: K, value: V): void {
		this.#entries.delete(key);
		this.#entries.set(key, value);
		if (this.#entries.size <= this.#limit) return;
		for (const oldest of this.#entries.keys()) {
			this.#entries.delete(oldest);
			return;
		}
	}

	delete(key: K): void {
		this.#entries.delete(key);
	}

	deleteWhere(goes: (key: K, value: V) => boolean): void {
		for (const [key, value] of this.#entries) if (goes(key, value)) this.#entries.delete(key);
	}
}
