import t from 'tap';
import { failureReason, isReset } from '../../src/core/tls-failure.ts';

t.test('why a handshake failed, in one line of printable text', async (t) => {
	const table: [Record<string, string>, string][] = [
		[{ reason: 'no shared cipher', code: 'ERR_SSL_NO_SHARED_CIPHER' }, 'no shared cipher'],
		[{ code: 'ECONNRESET', syscall: 'read' }, 'read ECONNRESET'],
		[{ code: 'ECONNRESET' }, 'closed during the handshake'],
		[{ code: 'SELF_SIGNED_CERT_IN_CHAIN' }, 'the message'],
		[{ reason: 'Host: a. is not in\nthe cert\u2019s \x1b[31maltnames' }, 'Host: a. is not in the cert s [31maltnames'],
		[{ reason: 'x'.repeat(500) }, `${'x'.repeat(197)}...`],
	];
	for (const [more, expected] of table) t.equal(failureReason(Object.assign(new Error('the message'), more)), expected);
});

t.test('a broken connection is told from what TLS has to say', async (t) => {
	t.ok(isReset(Object.assign(new Error(''), { code: 'ECONNRESET', syscall: 'read' })));
	t.notOk(isReset(Object.assign(new Error(''), { code: 'ECONNRESET' })));
});
