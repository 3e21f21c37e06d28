/** Error numbers of Linux on x64 and arm64 (errno(3)), by name; calls answer them negated. */
export const ERRNO = {
	EPERM: 1,
	ENOENT: 2,
	EINTR: 4,
	EBADF: 9,
	EAGAIN: 11,
	ENOMEM: 12,
	EACCES: 13,
	EBUSY: 16,
	EINVAL: 22,
	ENFILE: 23,
	EMFILE: 24,
	EPIPE: 32,
	ENOSYS: 38,
	ETIME: 62,
	ENOTSOCK: 88,
	EAFNOSUPPORT: 97,
	EADDRINUSE: 98,
	EADDRNOTAVAIL: 99,
	ENETUNREACH: 101,
	ECONNABORTED: 103,
	ECONNRESET: 104,
	ENOBUFS: 105,
	ENOTCONN: 107,
	ETIMEDOUT: 110,
	ECONNREFUSED: 111,
	EHOSTDOWN: 112,
	EHOSTUNREACH: 113,
	EINPROGRESS: 115,
	ECANCELED: 125,
	ENOTDIR: 20,
	EROFS: 30,
	ENAMETOOLONG: 36,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(ERRNO).map(([name, number]) => [number, name]));

/** `ECONNREFUSED` for 111; unknown numbers as `errno 999`. Takes either sign. */
export function errnoName(number: number): string {
	const positive = Math.abs(number);
	return NAMES.get(positive) ?? `errno ${positive}`;
}
