import { type IpAddress, isV4 } from '../../src/core/address.ts';
import type { ListenerSnapshot } from '../../src/core/snapshot.ts';
import { lookupNetwork } from '../../src/policy/network-table.ts';
import { POSTGRES_SSL_REQUEST } from '../../src/wire/postgres.ts';
import { writeProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { clientHello } from './client-hello.ts';
import { SILENT } from './proxy-bytes.ts';

/** Chances and pieces, drawn from the simulation's seed. */
export interface Dice {
	chance(share: number): boolean;
	rng(): number;
}

/** A piece of what a client sends; it is held back until so many answers have come. */
interface Piece {
	readonly bytes: Uint8Array;
	readonly answers: number;
}

const GSS_REQUEST = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30);
/** Begins neither a header nor a hello nor a request. */
const NOTHING = 7;

/** What a client sends before the relay, at the pace of the network: whole, broken, or never finished. */
export class SimClient {
	/** Who is behind it: itself, or whom its header names. */
	readonly source: IpAddress;
	readonly speaksForOthers: boolean;
	/** It asks in the clear whether it may speak TLS. */
	readonly asksForTls: boolean;
	/** Nothing that could be read of it begins as it should. */
	readonly isGarbled: boolean;
	/** It does all that is wanted of it, unless it is cut off. */
	readonly isGood: boolean;
	readonly #content: Uint8Array;
	/** How much may be sent once so many answers have come; in order. */
	readonly #gates: readonly { readonly upTo: number; readonly answers: number }[];
	readonly #helloEnd: number;
	/** Bytes that are for the balancer alone. */
	readonly ownBytes: number;
	#answers = 0;
	#arrived = 0;
	#consumed = 0;
	#beyond: number | null = null;
	#stopped: boolean;

	constructor(listener: ListenerSnapshot, peer: IpAddress, other: IpAddress, dice: Dice) {
		const { proxyProtocol, tls } = listener;
		this.speaksForOthers = proxyProtocol !== null && lookupNetwork(proxyProtocol.from, peer) >= 0;
		this.source = this.speaksForOthers ? other : peer;
		this.asksForTls = tls?.startTls === 'postgres' && dice.chance(0.7);
		const header = this.speaksForOthers ? [headerOf(other, dice.chance(0.3))] : [];
		const requests = this.asksForTls ? requestsOf(dice) : [];
		const alpn = tls?.startTls === 'postgres' ? ['postgresql'] : [];
		const serverName = dice.chance(0.7) ? 'a.example' : 'b.example';
		const hello = tls === null ? [] : [{ bytes: clientHello({ serverName, alpn }), answers: requests.length }];
		const payload = { bytes: new Uint8Array(dice.chance(0.5) ? 5 : 0), answers: requests.length };
		const pieces: Piece[] = [...header.map((bytes) => ({ bytes, answers: 0 })), ...requests, ...hello, payload];
		this.#content = joined(pieces.map(({ bytes }) => bytes));
		this.#gates = gatesOf(pieces);
		this.ownBytes = lengthOf([...header, ...requests.map(({ bytes }) => bytes)]);
		this.#helloEnd = this.#content.length - payload.bytes.length;
		this.isGarbled = this.#helloEnd > 0 && dice.chance(0.03);
		if (this.isGarbled) this.#content[0] = NOTHING;
		this.#stopped = dice.chance(0.03);
		this.isGood = !this.isGarbled && !this.#stopped;
	}

	/** More comes, as much as chance has it; what a peek waits for, or null. */
	arrive(share: number): Uint8Array | null {
		if (this.#stopped) return null;
		const allowed = this.#gates.findLast(({ answers }) => answers <= this.#answers)?.upTo ?? 0;
		this.#arrived += Math.ceil((allowed - this.#arrived) * share);
		return this.#answer();
	}

	/** There is something of it that nobody consumed. */
	get hasBytes(): boolean {
		return this.#arrived > this.#consumed;
	}

	/** All came that may come for now. */
	get done(): boolean {
		return this.#stopped || this.#arrived === this.#content.length;
	}

	get headerRead(): boolean {
		return !this.speaksForOthers || this.#consumed > 0;
	}

	get helloCame(): boolean {
		return this.#arrived >= this.#helloEnd;
	}

	get consumed(): number {
		return this.#consumed;
	}

	/** It has ended: nothing more comes. */
	stop(): void {
		this.#stopped = true;
	}

	replied(): void {
		this.#answers += 1;
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

function requestsOf(dice: Dice): Piece[] {
	const asks = { bytes: POSTGRES_SSL_REQUEST, answers: 0 };
	return dice.chance(0.5)
		? [asks]
		: [
				{ bytes: GSS_REQUEST, answers: 0 },
				{ ...asks, answers: dice.chance(0.8) ? 1 : 0 },
			];
}

function headerOf(client: IpAddress, old: boolean): Uint8Array {
	if (!isV4(client)) throw new Error('simulated clients have IPv4 addresses');
	const addresses = { source: { address: client, port: 1 }, destination: { address: client, port: 2 } };
	return writeProxyHeader(old ? 'v1' : 'v2', { ...SILENT, addresses, crc32c: true });
}

function gatesOf(pieces: readonly Piece[]): { upTo: number; answers: number }[] {
	let upTo = 0;
	return pieces.map(({ bytes, answers }) => {
		upTo += bytes.length;
		return { upTo, answers };
	});
}

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

function joined(parts: readonly Uint8Array[]): Uint8Array {
	const whole = new Uint8Array(lengthOf(parts));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}
