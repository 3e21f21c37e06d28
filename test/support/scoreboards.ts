import type { IpAddress } from '../../src/core/address.ts';
import { V4_MAPPED } from '../../src/core/address.ts';
import type { Limited, PerClientLimits, RateLimit, SlotRef } from '../../src/core/snapshot.ts';

export const rate = (count: number, windowMs: number): RateLimit => ({
	count,
	windowMs,
	text: `${count}/${windowMs}ms`,
});

export const limited = (slot: SlotRef, maxConnections: number | null, rates: readonly RateLimit[] = []): Limited => ({
	slot,
	maxConnections,
	rates,
});

export const v4 = (d: number): IpAddress => ({ a: 0, b: 0, c: V4_MAPPED, d });

export function clientLimits(table: number, over: Partial<PerClientLimits> = {}): PerClientLimits {
	return {
		maxConnections: 5,
		rates: [],
		prefixV4: 32,
		prefixV6: 64,
		action: 'close',
		holdForMs: 0,
		tableSize: 16,
		table,
		...over,
	};
}
