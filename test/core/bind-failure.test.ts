import t from 'tap';
import { bindFailure, isFailureOf } from '../../src/core/bind-failure.ts';

const target = { type: 'tcp', host: '::1', port: 80 } as const;

t.test('errnos are put in words, the same for whoever binds', async (t) => {
	for (const [code, words] of [
		['EACCES', 'permission denied'],
		['EADDRINUSE', 'address in use'],
		['EADDRNOTAVAIL', 'no such address on this machine'],
		['EINVAL', 'path too long (107 bytes at most)'],
		['EWHATEVER', 'odd'],
	] as const) {
		t.equal(bindFailure('web', target, code, 'odd'), `listener web: cannot bind [::1]:80: ${words}`);
	}
	t.equal(bindFailure('web', target, 'EWEIRD'), 'listener web: cannot bind [::1]:80: EWEIRD');
});

t.test('a failure knows its address', async (t) => {
	const failure = bindFailure('web', target, 'EACCES');
	t.equal(isFailureOf(failure, 'web', target), true);
	t.equal(isFailureOf(failure, 'we', target), false);
	t.equal(isFailureOf(failure, 'web', { ...target, port: 8 }), false);
});
