import { type IpAddress, isV4 } from '../../src/core/address.ts';
import type { ListenerSnapshot } from '../../src/core/snapshot.ts';
import { lookupNetwork } from '../../src/policy/network-table.ts';
import { POSTGRES_ACCEPT, POSTGRES_DECLINE } from '../../src/wire/postgres.ts';
import { writeProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { clientHello } from './client-hello.ts';

/** What a client sends before the relay, at the pace of the network: whole, broken, or never finished. */
export class SimClient {
	readonly #content: Uint8Array;
	#arrived = 0;
	#consumed = 0;
	#beyond: number | null = null;
	#stopped = false;

	constructor(listener: ListenerSnapshot, peer: IpAddress, client: IpAddress, chance: (share: number) => boolean) {
		const header = speaksForOthers(listener, peer) ? [headerOf(client, chance(0.3))] : [];
		const hello = listener.tls === null ? [] : [clientHello({ serverName: chance(0.7) ? 'a.example' : 'b.example' })];
		this.#content = joined([...header, ...hello, new Uint8Array(chance(0.5) ? 5 : 0)]);
		if (chance(0.03) && this.#content.length > 0) this.#content[0] = 0;
		this.#stopped = chance(0.03);
	}

	/** More comes, as much as chance has it; what a peek waits for, or null. */
	arrive(share: number): Uint8Array | null {
		if (this.#stopped) return null;
		const left = this.#content.length - this.#arrived;
		this.#arrived += Math.ceil(left * share);
		return this.#answer();
	}

	get done(): boolean {
		return this.#stopped || this.#arrived === this.#content.length;
	}

	/** It has ended: nothing more comes. */
	stop(): void {
		this.#stopped = true;
	}

	peek(beyond: number): Uint8Array | null {
		if (this.#beyond !== null) throw new Error('two peeks at once');
		this.#beyond = beyond;
		return this.#answer();
	}

	consume(bytes: number): void {
		this.#consumed += bytes;
		if (this.#consumed > this.#arrived) throw new Error('more consumed than there was');
	}

	#answer(): Uint8Array | null {
		if (this.#beyond === null || this.#arrived - this.#consumed <= this.#beyond) return null;
		this.#beyond = null;
		return this.#content.subarray(this.#consumed, this.#arrived);
	}
}

function speaksForOthers({ proxyProtocol }: ListenerSnapshot, peer: IpAddress): boolean {
	return proxyProtocol !== null && lookupNetwork(proxyProtocol.from, peer) >= 0;
}

function headerOf(client: IpAddress, old: boolean): Uint8Array {
	if (!isV4(client)) throw new Error('simulated clients have IPv4 addresses');
	const addresses = { source: { address: client, port: 1 }, destination: { address: client, port: 2 } };
	const tlvs = { authority: null, alpn: null, ssl: null, uniqueId: null, crc32c: true };
	return writeProxyHeader(old ? 'v1' : 'v2', { addresses, ...tlvs });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
	const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}

/** What a backend answers to the question whether it speaks TLS. */
export const greetingAnswer = (yes: boolean): Uint8Array => (yes ? POSTGRES_ACCEPT : POSTGRES_DECLINE);
