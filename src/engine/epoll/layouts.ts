/**
 * What differs between the C libraries and processors this engine knows, in one place. Numbers from the
 * Linux UAPI headers, which glibc and musl share; `epoll_event` is packed on x86-64 alone (epoll_ctl(2)).
 */
export interface Layout {
	/** Size of `struct epoll_event` in 32-bit words, and where its data begins. */
	readonly epollEventWords: number;
	readonly epollDataWord: number;
	/** False: written down from the headers, never run. */
	readonly tested: boolean;
}

const PACKED = { epollEventWords: 3, epollDataWord: 1 } as const;
const ALIGNED = { epollEventWords: 4, epollDataWord: 2 } as const;

/** By `libc-arch`; what is missing here is not supported. */
export const LAYOUTS: ReadonlyMap<string, Layout> = new Map([
	['glibc-x64', { ...PACKED, tested: true }],
	['glibc-arm64', { ...ALIGNED, tested: false }],
	['musl-x64', { ...PACKED, tested: false }],
	['musl-arm64', { ...ALIGNED, tested: false }],
]);

/** Constants that x64 and arm64 have in common. */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_KEEPALIVE = 9;
export const SO_OOBINLINE = 10;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
export const SO_RCVLOWAT = 18;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const IPPROTO_IP = 0;
export const IP_BIND_ADDRESS_NO_PORT = 24;
export const MSG_PEEK = 2;
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;
export const MSG_NOSIGNAL = 0x4000;
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const F_SETFL = 4;
export const F_SETPIPE_SZ = 1031;
export const SPLICE_F_MOVE = 1;
export const SPLICE_F_NONBLOCK = 2;
export const SPLICE_F_MORE = 4;
export const EFD_NONBLOCK = 0o4000;
export const EFD_CLOEXEC = 0o2000000;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 0x001;
export const EPOLLPRI = 0x002;
export const EPOLLOUT = 0x004;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 1 << 31;
/** What a connected socket is watched for, registered once. */
export const WATCHED = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MAP_ANONYMOUS = 0x20;
export const MAP_POPULATE = 0x8000;
export const SYS_IO_URING_SETUP = 425;
export const SYS_IO_URING_ENTER = 426;
export const SYS_IO_URING_REGISTER = 427;
/** `struct io_uring_params`. */
export const RING_PARAMS_BYTES = 120;
/** Longest `struct sockaddr` used here: sockaddr_un (unix(7)). */
export const SOCKADDR_BYTES = 110;
