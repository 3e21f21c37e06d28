import { ERRNO, errnoName } from './errno.ts';
import { AF_UNIX, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_STREAM } from './layouts.ts';
import type { Libc } from './libc.ts';
import { Ring } from './ring.ts';
import { RING_BUFFER_BYTES } from './ring-buffers.ts';

const TAG = 1;
const LONGEST_WAIT_MS = 1_000;
/** Sends beyond what any socket pair takes. */
const MOST_SENDS = 4_096;

interface Told {
	readonly received: { readonly result: number; readonly buffer: number; readonly more: boolean }[];
	readonly unsent: { readonly result: number; readonly length: number }[];
}

/**
 * A ring, proven to do here what relays need of it: it receives again and again, does not tell of sends that were
 * taken, and does tell how much of one was not. Answers it, or the reason why not.
 */
export function openTestedRing(libc: Libc): Ring | string {
	const trial = Ring.open(libc);
	if (typeof trial === 'string') return trial;
	const pair = libc.socketPair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC);
	const reason = typeof pair === 'number' ? `socketpair: ${errnoName(pair)}` : tryPair(libc, trial, pair);
	if (typeof pair !== 'number') for (const fd of pair) libc.close(fd);
	// Its buffers were sent from more often than they were received.
	trial.close();
	return reason ?? Ring.open(libc);
}

function tryPair(libc: Libc, ring: Ring, [near, far]: readonly [number, number]): string | null {
	const told: Told = { received: [], unsent: [] };
	const owner = {
		received: (_tag: number, result: number, buffer: number, more: boolean) => {
			told.received.push({ result, buffer, more });
		},
		notSent: (_tag: number, result: number, _buffer: number, length: number) => {
			told.unsent.push({ result, length });
		},
		polled: () => {},
	};
	ring.receive(near, TAG);
	for (const text of ['a', 'bc']) {
		const bytes = libc.allocate(text.length);
		bytes.bytes.set(new TextEncoder().encode(text));
		libc.send(far, bytes, 0, text.length, 0);
		ring.wait(LONGEST_WAIT_MS);
		ring.tell(owner);
	}
	const seen = told.received.map(({ result, more }) => `${result}${more ? '+' : ''}`).join(' ');
	if (seen !== '1+ 2+') return `a ring received ${seen || 'nothing'} where 1+ 2+ was sent`;
	ring.cancel(TAG);
	ring.wait(LONGEST_WAIT_MS);
	ring.tell(owner);
	if (told.received.length !== 3) return 'a ring does not end what was cancelled';
	return trySends(libc, ring, near, far, { owner, told });
}

/** Sends until the other end is full; what was taken must be there, to the byte. */
function trySends(
	libc: Libc,
	ring: Ring,
	near: number,
	far: number,
	{ owner, told }: { readonly owner: Parameters<Ring['tell']>[0]; readonly told: Told },
): string | null {
	let sends = 0;
	while (told.unsent.length === 0 && sends < MOST_SENDS) {
		ring.send(near, TAG, 0, RING_BUFFER_BYTES);
		ring.submit(0);
		ring.tell(owner);
		sends += 1;
	}
	const last = told.unsent[0];
	if (last === undefined) return 'a ring does not tell of a send that is not taken';
	let taken = (sends - 1) * RING_BUFFER_BYTES + Math.max(last.result, 0);
	const buffer = libc.allocate(RING_BUFFER_BYTES);
	while (taken > 0) {
		const got = libc.recv(far, buffer, 0, Math.min(buffer.bytes.length, taken), MSG_DONTWAIT);
		if (got <= 0) return `a ring told of ${taken} bytes more than it sent`;
		taken -= got;
	}
	const rest = libc.recv(far, buffer, 0, 1, MSG_DONTWAIT);
	return rest === -ERRNO.EAGAIN ? null : 'a ring sent more than it told of';
}
