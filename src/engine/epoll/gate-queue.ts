import { NS_PER_MS } from '../../core/units.ts';
import { Deadlines } from '../deadlines.ts';
import type { Flow } from './flow.ts';
import { GATHER_MS } from './gathering.ts';
import type { Pumped, Timed } from './loop.ts';

/**
 * The flows of one worker that wait for their gates, or for bytes to gather, in the order of the instants they
 * were promised. The wait of epoll is a millisecond coarse; what a gate earns meanwhile is not lost.
 */
export class GateQueue implements Timed {
	readonly #waiting = new Deadlines<Flow>();

	get nextNs(): number {
		return this.#waiting.nextNs;
	}

	await(relay: Pumped, flow: Flow): void {
		flow.owner = relay;
		this.#waiting.set(flow, flow.gate.readyNs);
	}

	lookSoon(relay: Pumped, flow: Flow, nowNs: number): void {
		flow.owner = relay;
		this.#waiting.set(flow, nowNs + GATHER_MS * NS_PER_MS);
	}

	/** Most flows that end have never waited. */
	leave(flow: Flow): void {
		if (flow.owner === null) return;
		flow.owner = null;
		this.#waiting.remove(flow);
	}

	runDue(nowNs: number): void {
		for (let flow = this.#waiting.takeDue(nowNs); flow !== null; flow = this.#waiting.takeDue(nowNs)) {
			const { owner } = flow;
			flow.owner = null;
			flow.look();
			owner?.pump();
		}
	}
}
