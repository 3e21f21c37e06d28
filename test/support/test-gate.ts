import type { RelayGate } from '../../src/core/session-io.ts';

/** A gate that lets pass what it is told to, and knows what it has let pass. */
export class TestGate implements RelayGate {
	left: number;
	passed = 0;
	rests = 0;

	constructor(left = Number.POSITIVE_INFINITY) {
		this.left = left;
	}

	/** Asked again in a moment. */
	get readyNs(): number {
		return Number(process.hrtime.bigint()) + 1_000_000;
	}

	ask(want: number): number {
		const allowed = Math.min(want, this.left);
		this.left -= allowed;
		this.passed += allowed;
		return allowed;
	}

	unused(bytes: number): void {
		this.left += bytes;
		this.passed -= bytes;
	}

	rest(): void {
		this.rests += 1;
	}
}
