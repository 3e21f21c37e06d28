import { createRequire } from 'node:module';

/**
 * A TLS 1.3 client, run as a program of its own with the path of a unix socket and how often at the most: asks the server
 * for new keys (KeyUpdate with update_requested, RFC 8446 section 4.6.3), again and again, and reads none of the
 * answers. Node has no such call: this is the OpenSSL within its binary. Says how often it could.
 */

interface Library {
	func(declaration: string): (...args: (number | Uint8Array)[]) => number;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const UPDATE_REQUESTED = 1;

const [path = '', most = '0'] = process.argv.slice(2);
const library = (createRequire(import.meta.url)('koffi') as { load(path: null): Library }).load(null);
const newSocket = library.func('int socket(int, int, int)');
const connect = library.func('int connect(int, uint8_t *, int)');
const method = library.func('int64_t TLS_client_method()');
const newContext = library.func('int64_t SSL_CTX_new(int64_t)');
const newTls = library.func('int64_t SSL_new(int64_t)');
const setDescriptor = library.func('int SSL_set_fd(int64_t, int)');
const handshake = library.func('int SSL_connect(int64_t)');
const updateKeys = library.func('int SSL_key_update(int64_t, int)');
const proceed = library.func('int SSL_do_handshake(int64_t)');

const descriptor = newSocket(AF_UNIX, SOCK_STREAM, 0);
const address = Buffer.concat([Buffer.from(Uint16Array.of(AF_UNIX).buffer), Buffer.from(`${path}\0`)]);
if (connect(descriptor, address, address.length) !== 0) throw new Error('no connection');
const tls = newTls(newContext(method()));
setDescriptor(tls, descriptor);
if (handshake(tls) !== 1) throw new Error('no handshake');
let asked = 0;
while (asked < Number(most) && updateKeys(tls, UPDATE_REQUESTED) === 1 && proceed(tls) === 1) asked += 1;
process.stdout.write(`${asked}`);
