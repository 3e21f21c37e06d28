import type { Socket } from 'node:net';
import type { Test } from 'tap';
import { type Backend, startBackend } from './echo.ts';
import { Arrivals, flood } from './flows.ts';
import type { Balancer, Target, TestConfig } from './harness.ts';
import { configOf, type Overrides } from './net-config.ts';
import { dial } from './peers.ts';

/** How far a rate may be off in these short runs; `npm run bench:shaping` holds it to 2 %. */
const TOLERANCE = 0.1;
export const KBIT = 125;
export const MBIT = 125_000;

/** A session with both ends in hand; nobody reads yet. */
export interface Session {
	readonly client: Socket;
	readonly server: Socket;
}

export interface House {
	readonly balancer: Balancer;
	readonly backend: Backend;
	session(from?: string): Promise<Session>;
}

export async function houseOf(t: Test, target: Target, config: (address: string) => TestConfig): Promise<House> {
	const backend = await startBackend(t);
	const balancer = await target.start(t, config(backend.address));
	let served = 0;
	const session = async (from?: string): Promise<Session> => {
		const peer = await dial(t, balancer.address(), { paused: true, ...(from === undefined ? {} : { from }) });
		const server = await backend.accepted(served++);
		return { client: peer.socket, server };
	};
	return { balancer, backend, session };
}

export const shapedBy =
	(shaping: NonNullable<Overrides['listener']>['shaping'], more: Overrides = {}) =>
	(address: string): TestConfig =>
		configOf([address], { ...more, listener: { ...more.listener, shaping } });

/** What is sent one way, as it arrives. */
export function download({ client, server }: Session): Arrivals {
	flood(server);
	return new Arrivals(client);
}

export function upload({ client, server }: Session): Arrivals {
	flood(client);
	return new Arrivals(server);
}

/**
 * A measured share of a rate is near 1. A machine with other things to do may be late for longer than a small
 * burst makes up for, so a miss is measured again; what is wrong is so every time.
 */
export async function near(t: Test, text: string, measure: () => Promise<number>): Promise<void> {
	const shares: number[] = [];
	do shares.push(await measure());
	while (!isNear(shares.at(-1)) && shares.length < TRIES);
	t.ok(isNear(shares.at(-1)), `${text}: ${shares.map((share) => share.toFixed(3)).join(', ')} of the rate`);
}

const TRIES = 4;
const isNear = (share = 0): boolean => Math.abs(share - 1) <= TOLERANCE;

/** A limit and its burst in bytes, small enough to be spent at once. */
export const SLOW = { rate: '1Mbit/s', burst: '16KiB' } as const;
export const SLOW_BURST = 16_384;
