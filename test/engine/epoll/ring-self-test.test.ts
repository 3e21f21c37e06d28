import { readFileSync } from 'node:fs';
import t from 'tap';
import { openTestedRing } from '../../../src/engine/epoll/ring-self-test.ts';
import { ringReason } from '../../support/epoll-in-process.ts';
import { libc, openDescriptors } from '../../support/native-tools.ts';
import { needsRing } from '../../support/ring.ts';

/** What a kernel answers that was told not to let this process have it (io_uring_setup(2), seccomp(2)), or has none. */
const FORBIDDEN = /^io_uring_setup: (EPERM|EACCES|ENOSYS|errno 1)$/;

t.test('where the kernel lets it, there is a ring', async (t) => {
	t.ok(ringReason === null || FORBIDDEN.test(ringReason), ringReason ?? 'there is one');
	t.comment(`io_uring_disabled: ${readFileSync('/proc/sys/kernel/io_uring_disabled', 'utf8').trim()}`);
});

needsRing(t, 'the test leaves one descriptor open, the ring`s', async (t) => {
	const before = openDescriptors();
	const ring = openTestedRing(libc);
	if (typeof ring === 'string') throw new Error(ring);
	t.equal(openDescriptors(), before + 1);
	ring.close();
	t.equal(openDescriptors(), before);
});

/** Answers as the kernel does, but for one call. */
const withFault = (fault: Partial<Record<keyof typeof libc, unknown>>): typeof libc =>
	new Proxy(libc, {
		get: (target, name) => {
			if (name in fault) return fault[name as keyof typeof libc];
			const value: unknown = Reflect.get(target, name, target);
			return typeof value === 'function' ? value.bind(target) : value;
		},
	});

for (const [why, fault, reason] of [
	['the kernel has none', { ringSetup: () => -38 }, 'io_uring_setup: ENOSYS'],
	['the kernel does not give it', { ringSetup: () => -1 }, 'io_uring_setup: EPERM'],
	['an older kernel does not know its ways', { ringSetup: () => -22 }, 'io_uring_setup: EINVAL'],
	['its memory is not to be had', { map: () => -12 }, 'mmap of a ring: ENOMEM'],
	['its buffers are refused', { ringRegister: () => -22 }, 'buffers of a ring: EINVAL'],
	['no pair is to be had', { socketPair: () => -24 }, 'socketpair: EMFILE'],
	['nothing comes', { send: () => 0 }, 'a ring received nothing where 1+ 2+ was sent'],
	['bytes are missing', { recv: () => 0 }, /^a ring told of \d+ bytes more than it sent$/],
] as const) {
	needsRing(t, `where ${why} the reason is told, and nothing stays open`, async (t) => {
		const before = openDescriptors();
		t.match(openTestedRing(withFault(fault)), reason);
		t.equal(openDescriptors(), before);
	});
}
