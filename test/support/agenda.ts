/** Things to do at instants of virtual time; equal instants in the order of asking. A binary heap. */
export class Agenda {
	nowNs = 1_000_000_000;
	private readonly heap: { atNs: number; order: number; run: () => void }[] = [];
	private order = 0;

	at(atNs: number, run: () => void): void {
		const item = { atNs: Math.max(atNs, this.nowNs), order: this.order++, run };
		this.heap.push(item);
		this.up(this.heap.length - 1);
	}

	after(delayNs: number, run: () => void): void {
		this.at(this.nowNs + delayNs, run);
	}

	/** Runs the next thing; false when nothing is left. */
	step(): boolean {
		const first = this.heap[0];
		if (first === undefined) return false;
		const last = this.heap.pop();
		if (last !== undefined && last !== first) {
			this.heap[0] = last;
			this.down();
		}
		this.nowNs = first.atNs;
		first.run();
		return true;
	}

	private before(a: number, b: number): boolean {
		const x = this.heap[a];
		const y = this.heap[b];
		if (x === undefined || y === undefined) return y === undefined;
		return x.atNs < y.atNs || (x.atNs === y.atNs && x.order < y.order);
	}

	private swap(a: number, b: number): void {
		const x = this.heap[a];
		const y = this.heap[b];
		if (x === undefined || y === undefined) return;
		this.heap[a] = y;
		this.heap[b] = x;
	}

	private up(from: number): void {
		for (let i = from; i > 0; ) {
			const parent = (i - 1) >> 1;
			if (!this.before(i, parent)) return;
			this.swap(i, parent);
			i = parent;
		}
	}

	private down(): void {
		for (let i = 0; ; ) {
			const left = 2 * i + 1;
			const least = this.before(left + 1, left) && left + 1 < this.heap.length ? left + 1 : left;
			if (least >= this.heap.length || !this.before(least, i)) return;
			this.swap(i, least);
			i = least;
		}
	}
}
