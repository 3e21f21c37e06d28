import type { Outcome } from '../../src/core/outcome.ts';
import type { AccessRecord } from '../../src/core/record.ts';
import type { SessionAction, SessionEvent } from '../../src/core/session-io.ts';
import type { ListenerSnapshot, PoolSnapshot, Snapshot } from '../../src/core/snapshot.ts';
import { formatAddress } from '../../src/policy/address.ts';
import { at } from '../../src/policy/world.ts';
import { readProxyHeader } from '../../src/wire/proxy-protocol.ts';
import type { SimClient } from './simulated-client.ts';

/** Only who sends something else, or too little, may end so. */
const FOR_THE_BAD: ReadonlySet<Outcome> = new Set<Outcome>(['proxy-header-invalid', 'client-hello-invalid', 'not-tls']);

/** The order of a session's steps as the configuration has it, whatever the session takes that to be. */
export class OrderWatch {
	readonly #snapshot: Snapshot;
	readonly #listener: ListenerSnapshot;
	readonly #client: SimClient;
	readonly #fault: (text: string) => void;
	readonly #terminates: boolean;
	/** TLS with the client stands. */
	#taken = false;
	/** What the backend at hand has been asked, and has answered. */
	#pool: PoolSnapshot | null = null;
	#greeted = false;
	#secured = false;
	#relays = false;
	#ended = false;

	constructor(snapshot: Snapshot, client: SimClient, fault: (text: string) => void) {
		this.#snapshot = snapshot;
		this.#listener = at(snapshot.listeners, 0);
		this.#client = client;
		this.#fault = fault;
		this.#terminates = this.#listener.tls?.mode === 'terminate';
	}

	heard(event: SessionEvent): void {
		if (event.type === 'tls-ready') this.#taken = true;
		else if (event.type === 'greeted') this.#greeted = true;
		else if (event.type === 'upstream-tls-ready') this.#secured = true;
		else if (event.type === 'eof' && event.side === 'client') this.#ended = true;
	}

	acted(action: SessionAction): void {
		if (this.#relays && BEFORE_RELAY.has(action.type)) this.#fault(`${action.type} after the relay began`);
		switch (action.type) {
			case 'handshake':
				if (!this.#terminates) this.#fault('a handshake where TLS passes through');
				return this.#checkRead('a handshake');
			case 'connect':
				return this.#connect(at(this.#snapshot.pools, action.pool.index), action.preface);
			case 'greet':
				if (!this.#asks()) this.#fault('a backend was asked for TLS that nobody wants');
				return;
			case 'secure':
				if (this.#asks() && !this.#greeted) this.#fault('TLS before the backend was asked');
				return;
			case 'relay':
				return this.#relay();
		}
	}

	recorded({ outcome, client }: AccessRecord): void {
		if (client === null) return this.#fault('a record without a client');
		if (this.#client.headerRead && this.#client.consumed > 0 && !same(client, this.#client.source))
			this.#fault(`${formatAddress(client)} is told of, ${formatAddress(this.#client.source)} it was`);
		if (this.#client.isGood && !this.#ended && FOR_THE_BAD.has(outcome)) this.#fault(`${outcome} of a good client`);
	}

	#connect(pool: PoolSnapshot, preface: Uint8Array | null): void {
		this.#checkRead('a connect');
		if (this.#terminates && !this.#taken) this.#fault('a connect before TLS was taken off');
		this.#pool = pool;
		this.#greeted = false;
		this.#secured = false;
		if ((preface !== null) !== (pool.proxyProtocol !== null))
			this.#fault(`a header or none, but not as ${pool.name} has it`);
		if (preface !== null) this.#checkPreface(preface);
	}

	#checkPreface(preface: Uint8Array): void {
		const told = readProxyHeader(preface);
		if (told.type !== 'parsed' || told.header.bytes !== preface.length) return this.#fault('a header that is none');
		const { source } = this.#client;
		const address = told.header.addresses?.source.address ?? null;
		if (address === null || !same(address, source)) this.#fault(`a header that does not name ${formatAddress(source)}`);
	}

	#checkRead(what: string): void {
		if (!this.#client.headerRead) this.#fault(`${what} before the header was read`);
		if (this.#listener.tls !== null && !this.#client.helloCame) this.#fault(`${what} before the hello had come`);
		if (this.#client.isGarbled) this.#fault(`${what} for a client that said nothing`);
	}

	#relay(): void {
		this.#relays = true;
		const { consumed, ownBytes } = this.#client;
		if (this.#client.helloCame && consumed !== ownBytes) this.#fault(`${consumed} of ${ownBytes} bytes were kept back`);
		if (this.#asks() && !this.#greeted) this.#fault('a relay with a backend that was not asked for TLS');
		if (this.#pool !== null && this.#pool.tls !== null && !this.#secured) this.#fault('a relay in the clear');
	}

	/** The backend is to be asked for TLS first. */
	#asks(): boolean {
		if (this.#pool === null) return false;
		if (this.#pool.tls !== null) return this.#pool.tls.startTls === 'postgres';
		return !this.#terminates && this.#client.asksForTls;
	}
}

const BEFORE_RELAY: ReadonlySet<SessionAction['type']> = new Set<SessionAction['type']>([
	'peek',
	'consume',
	'reply',
	'handshake',
	'connect',
	'greet',
	'secure',
	'cancel-connect',
	'relay',
]);

const same = (one: NonNullable<AccessRecord['client']>, other: typeof one): boolean =>
	one.a === other.a && one.b === other.b && one.c === other.c && one.d === other.d;
