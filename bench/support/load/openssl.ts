import { createRequire } from 'node:module';
import { ERRNO } from '../../../src/engine/epoll/errno.ts';
import type { Libc, NativeBuffer } from '../../../src/engine/epoll/libc.ts';
import { type CertificateKind, SERVER_NAME } from '../tls-files.ts';

type NativeCall = (...args: number[]) => number;

interface Koffi {
	load(path: null): { func(declaration: string): NativeCall };
}

/** Node's binary exports the OpenSSL that it is built with. Pointers as integers: see `Libc`. */
const DECLARATIONS = {
	TLS_client_method: 'int64_t TLS_client_method()',
	SSL_CTX_new: 'int64_t SSL_CTX_new(int64_t)',
	SSL_CTX_ctrl: 'int64_t SSL_CTX_ctrl(int64_t, int, int64_t, int64_t)',
	SSL_CTX_set_ciphersuites: 'int SSL_CTX_set_ciphersuites(int64_t, int64_t)',
	SSL_CTX_set_default_read_buffer_len: 'void SSL_CTX_set_default_read_buffer_len(int64_t, int64_t)',
	SSL_ctrl: 'int64_t SSL_ctrl(int64_t, int, int64_t, int64_t)',
	SSL_new: 'int64_t SSL_new(int64_t)',
	SSL_free: 'void SSL_free(int64_t)',
	SSL_set_fd: 'int SSL_set_fd(int64_t, int)',
	SSL_set_connect_state: 'void SSL_set_connect_state(int64_t)',
	SSL_connect: 'int SSL_connect(int64_t)',
	SSL_shutdown: 'int SSL_shutdown(int64_t)',
	SSL_read: 'int SSL_read(int64_t, int64_t, int)',
	SSL_write: 'int SSL_write(int64_t, int64_t, int)',
	SSL_get_error: 'int SSL_get_error(int64_t, int)',
	SSL_get1_session: 'int64_t SSL_get1_session(int64_t)',
	SSL_set_session: 'int SSL_set_session(int64_t, int64_t)',
	SSL_session_reused: 'int SSL_session_reused(int64_t)',
	ERR_clear_error: 'void ERR_clear_error()',
} as const;

type Calls = Readonly<Record<keyof typeof DECLARATIONS, NativeCall>>;

/** Commands of SSL_CTX_ctrl and SSL_ctrl (openssl/ssl.h): in C they are macros. */
const CTRL = {
	mode: 33,
	readAhead: 41,
	serverName: 55,
	groups: 92,
	signatures: 98,
	minVersion: 123,
	maxVersion: 124,
} as const;
const HOST_NAME = 0;
const TLS_1_3 = 0x0304;
const PARTIAL_WRITE_FROM_ANYWHERE = 1 | 2;
const WANTS_TO_WAIT = [2, 3];
const PEER_HAS_CLOSED = 6;
/** What one recv(2) may take: many records. */
const READ_AHEAD_BYTES = 256 * 1024;

/** What every contender is asked for, whatever it would prefer. */
const CIPHER = 'TLS_AES_128_GCM_SHA256';
const GROUP = 'X25519';
const SIGNATURES: Readonly<Record<CertificateKind, string>> = {
	ecdsa: 'ecdsa_secp256r1_sha256',
	// TLS 1.3 signs with PSS only; HAProxy looks for the other to find out whether a client takes RSA at all.
	rsa: 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256',
};

/**
 * TLS 1.3 clients of OpenSSL on descriptors that never block. A session is a pointer. What may have to wait answers
 * as calls of `Libc` do: a count, 0 at the end, or a negated error number.
 */
export class OpenSsl {
	readonly #call: Calls;
	readonly #context: number;
	readonly #name: NativeBuffer;

	/** @throws Error when Node's OpenSSL does not take what is asked for. */
	constructor(libc: Libc, certificate: CertificateKind) {
		const library = (createRequire(import.meta.url)('koffi') as Koffi).load(null);
		const declared = Object.entries(DECLARATIONS).map(([name, text]) => [name, library.func(text)]);
		this.#call = Object.fromEntries(declared) as Calls;
		this.#context = this.#call.SSL_CTX_new(this.#call.TLS_client_method());
		this.#name = cString(libc, SERVER_NAME);
		const [ciphers, groups, signatures] = [
			cString(libc, CIPHER),
			cString(libc, GROUP),
			cString(libc, SIGNATURES[certificate]),
		];
		const taken = [
			this.#call.SSL_CTX_ctrl(this.#context, CTRL.minVersion, TLS_1_3, 0),
			this.#call.SSL_CTX_ctrl(this.#context, CTRL.maxVersion, TLS_1_3, 0),
			this.#call.SSL_CTX_set_ciphersuites(this.#context, ciphers.address),
			this.#call.SSL_CTX_ctrl(this.#context, CTRL.groups, 0, groups.address),
			this.#call.SSL_CTX_ctrl(this.#context, CTRL.signatures, 0, signatures.address),
		];
		if (taken.some((answer) => answer !== 1)) throw new Error(`OpenSSL does not take the terms: ${taken}`);
		this.#call.SSL_CTX_ctrl(this.#context, CTRL.mode, PARTIAL_WRITE_FROM_ANYWHERE, 0);
		this.#call.SSL_CTX_ctrl(this.#context, CTRL.readAhead, 1, 0);
		this.#call.SSL_CTX_set_default_read_buffer_len(this.#context, READ_AHEAD_BYTES);
	}

	/** A client on this descriptor; `ticket` of an earlier session, or 0. */
	open(fd: number, ticket: number): number {
		const ssl = this.#call.SSL_new(this.#context);
		this.#call.SSL_set_fd(ssl, fd);
		this.#call.SSL_set_connect_state(ssl);
		this.#call.SSL_ctrl(ssl, CTRL.serverName, HOST_NAME, this.#name.address);
		if (ticket !== 0) this.#call.SSL_set_session(ssl, ticket);
		return ssl;
	}

	/** The handshake; 1 when it is over. */
	handshake(ssl: number): number {
		return this.#checked(ssl, this.#call.SSL_connect(ssl));
	}

	/** Up to so many bytes: records until there are no more. */
	read(ssl: number, buffer: NativeBuffer, length: number): number {
		if (length > buffer.bytes.length) throw new RangeError(`${length} of ${buffer.bytes.length} bytes`);
		let total = 0;
		while (total < length) {
			const got = this.#call.SSL_read(ssl, buffer.address + total, length - total);
			if (got <= 0) return this.#checked(ssl, got, total);
			total += got;
		}
		return total;
	}

	/** Makes the handshake first, if it is still to be made. */
	write(ssl: number, buffer: NativeBuffer, length: number): number {
		if (length > buffer.bytes.length) throw new RangeError(`${length} of ${buffer.bytes.length} bytes`);
		let total = 0;
		while (total < length) {
			const sent = this.#call.SSL_write(ssl, buffer.address + total, length - total);
			if (sent <= 0) return this.#checked(ssl, sent, total);
			total += sent;
		}
		return total;
	}

	/** The session with the newest ticket that has been read; it lives on after `close`. */
	ticketOf(ssl: number): number {
		return this.#call.SSL_get1_session(ssl);
	}

	isResumed(ssl: number): boolean {
		return this.#call.SSL_session_reused(ssl) === 1;
	}

	/** Sends close_notify; without it OpenSSL would not use the session's ticket again. */
	close(ssl: number): void {
		this.#call.SSL_shutdown(ssl);
		this.#call.ERR_clear_error();
		this.#call.SSL_free(ssl);
	}

	/** `before`: what the same call has moved already; what ended it then comes up again at the next one. */
	#checked(ssl: number, result: number, before = 0): number {
		if (result > 0) return result;
		const error = this.#call.SSL_get_error(ssl, result);
		this.#call.ERR_clear_error();
		if (before > 0) return before;
		if (WANTS_TO_WAIT.includes(error)) return -ERRNO.EAGAIN;
		return error === PEER_HAS_CLOSED ? 0 : -ERRNO.ECONNRESET;
	}
}

/** OpenSSL copies what it is given. */
function cString(libc: Libc, text: string): NativeBuffer {
	const buffer = libc.allocate(text.length + 1);
	buffer.bytes.set(Buffer.from(text, 'latin1'));
	return buffer;
}
