import type { Test } from 'tap';
import { ringReason } from './epoll-in-process.ts';

/**
 * A test of what needs io_uring. Where the kernel does not let this process have it there is nothing to test;
 * `test/engine/epoll/ring-self-test.test.ts` fails where the kernel was not told so.
 */
export function needsRing(suite: Test, sentence: string, run: (t: Test) => Promise<void>): void {
	if (ringReason === null) void suite.test(sentence, run);
	else suite.pass(`${sentence}: no io_uring here, ${ringReason}`);
}
