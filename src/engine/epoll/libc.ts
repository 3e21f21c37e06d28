import { createRequire } from 'node:module';
import {
	LAYOUTS,
	type Layout,
	MAP_ANONYMOUS,
	MAP_POPULATE,
	MAP_PRIVATE,
	MAP_SHARED,
	PROT_READ,
	PROT_WRITE,
	RING_PARAMS_BYTES,
	SYS_IO_URING_ENTER,
	SYS_IO_URING_REGISTER,
	SYS_IO_URING_SETUP,
} from './layouts.ts';
import type { MappedNotes } from './mapped-notes.ts';

/**
 * Memory that calls read and write: owned by whoever made it, kept alive by it, and never moved. Every call
 * that takes one checks that what it may touch lies inside.
 */
export interface NativeBuffer {
	readonly bytes: Uint8Array;
	readonly address: number;
}

/** Memory mapped by mmap(2), as 32-bit words. */
export interface MappedMemory {
	readonly words: Int32Array;
	readonly address: number;
	readonly bytes: number;
}

/** Where it is written down who has a descriptor, see `descriptors.ts`: `mark` when it is opened, 0 before it is closed. */
export interface DescriptorNotes {
	readonly owners: Int32Array;
	readonly mark: number;
	/** And what is mapped. */
	readonly maps?: MappedNotes;
}

type NativeCall = (...args: number[]) => number;

interface Koffi {
	load(path: null): { func(declaration: string): NativeCall };
	view(pointer: unknown, length: number): ArrayBuffer;
	address(value: Uint8Array): bigint;
}

/**
 * Pointers are declared as integers: a call then costs two thirds of one that takes a Buffer. So are lengths that are
 * answered: none here reaches 2^31, and of a longer integer the runtime makes a number more slowly.
 */
const DECLARATIONS = {
	epoll_create1: 'int epoll_create1(int)',
	epoll_ctl: 'int epoll_ctl(int, int, int, int64_t)',
	epoll_wait: 'int epoll_wait(int, int64_t, int, int)',
	eventfd: 'int eventfd(unsigned int, int)',
	read: 'int read(int, int64_t, int64_t)',
	write: 'int write(int, int64_t, int64_t)',
	close: 'int close(int)',
	socket: 'int socket(int, int, int)',
	socketpair: 'int socketpair(int, int, int, int64_t)',
	bind: 'int bind(int, int64_t, int)',
	listen: 'int listen(int, int)',
	accept4: 'int accept4(int, int64_t, int64_t, int)',
	connect: 'int connect(int, int64_t, int)',
	getsockname: 'int getsockname(int, int64_t, int64_t)',
	getpeername: 'int getpeername(int, int64_t, int64_t)',
	setsockopt: 'int setsockopt(int, int, int, int64_t, int)',
	getsockopt: 'int getsockopt(int, int, int, int64_t, int64_t)',
	recv: 'int recv(int, int64_t, int64_t, int)',
	send: 'int send(int, int64_t, int64_t, int)',
	shutdown: 'int shutdown(int, int)',
	pipe2: 'int pipe2(int64_t, int)',
	fcntl: 'int fcntl(int, int, int)',
	splice: 'int splice(int, int, int, int, int64_t, unsigned int)',
	mmap: 'int64_t mmap(int64_t, int64_t, int, int, int, int64_t)',
	munmap: 'int munmap(int64_t, int64_t)',
	syscall: 'int syscall(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t)',
} as const;

type Calls = Readonly<Record<keyof typeof DECLARATIONS, NativeCall>>;

/**
 * The C library, typed and thin: each method is one call. All answer what the call answers, or the negated
 * error number (`errno.ts`); none throws but for a buffer that is too small, which is a fault of the caller.
 */
export class Libc {
	readonly layout: Layout;
	readonly #koffi: Koffi;
	readonly #call: Calls;
	/** errno is per thread, and so is this view of it; read only after -1. */
	readonly #errno: Int32Array;
	readonly #small: NativeBuffer;
	readonly #smallView: DataView;
	/** Written in the line of the call that opens: a thread is ended only where it enters a function or repeats a loop. */
	readonly #owners: Int32Array;
	readonly #mark: number;
	readonly #maps: MappedNotes | null;

	/** @throws Error when koffi, the C library or a layout for this machine is missing. */
	constructor(notes: DescriptorNotes | null = null) {
		this.#owners = notes?.owners ?? new Int32Array(0);
		this.#mark = notes?.mark ?? 0;
		this.#maps = notes?.maps ?? null;
		this.layout = layoutHere();
		this.#koffi = createRequire(import.meta.url)('koffi') as Koffi;
		const library = this.#koffi.load(null);
		const declared = Object.entries(DECLARATIONS).map(([name, text]) => [name, library.func(text)]);
		this.#call = Object.fromEntries(declared) as Calls;
		const location = library.func('void *__errno_location()') as unknown as () => unknown;
		this.#errno = new Int32Array(this.#koffi.view(location(), 4));
		this.#small = this.allocate(16);
		this.#smallView = new DataView(this.#small.bytes.buffer);
	}

	/** Zeroed memory of its own. */
	allocate(bytes: number): NativeBuffer {
		// Over a buffer of its own: the bytes of a small array made alone lie on the heap, where they are moved.
		const memory = new Uint8Array(new ArrayBuffer(bytes));
		return { bytes: memory, address: Number(this.#koffi.address(memory)) };
	}

	epollCreate(flags: number): number {
		const fd = this.#call.epoll_create1(flags);
		if (fd >= 0) this.#owners[fd] = this.#mark;
		return this.#checked(fd);
	}

	epollCtl(epollFd: number, operation: number, fd: number, event: NativeBuffer): number {
		inside(event, 0, this.layout.epollEventWords * 4);
		return this.#checked(this.#call.epoll_ctl(epollFd, operation, fd, event.address));
	}

	epollWait(epollFd: number, events: NativeBuffer, maxEvents: number, timeoutMs: number): number {
		inside(events, 0, maxEvents * this.layout.epollEventWords * 4);
		return this.#checked(this.#call.epoll_wait(epollFd, events.address, maxEvents, timeoutMs));
	}

	eventfd(flags: number): number {
		return this.#checked(this.#call.eventfd(0, flags));
	}

	/** Adds one to an eventfd; from any thread. */
	signal(eventFd: number): number {
		this.#smallView.setBigUint64(0, 1n, true);
		return this.#checked(this.#call.write(eventFd, this.#small.address, 8));
	}

	/** Takes what an eventfd has counted. */
	takeSignals(eventFd: number): number {
		return this.#checked(this.#call.read(eventFd, this.#small.address, 8));
	}

	close(fd: number): number {
		if (fd >= 0) this.#owners[fd] = 0;
		return this.#checked(this.#call.close(fd));
	}

	socket(family: number, type: number): number {
		const fd = this.#call.socket(family, type, 0);
		if (fd >= 0) this.#owners[fd] = this.#mark;
		return this.#checked(fd);
	}

	/** The two descriptors as a pair, or the negated error number. */
	socketPair(family: number, type: number): readonly [number, number] | number {
		return this.#pair(this.#call.socketpair(family, type, 0, this.#small.address));
	}

	bind(fd: number, address: NativeBuffer, length: number): number {
		inside(address, 0, length);
		return this.#checked(this.#call.bind(fd, address.address, length));
	}

	listen(fd: number, backlog: number): number {
		return this.#checked(this.#call.listen(fd, backlog));
	}

	/** The peer's address is written to `address`. */
	accept(fd: number, address: NativeBuffer, flags: number): number {
		this.#smallView.setInt32(0, address.bytes.length, true);
		const accepted = this.#call.accept4(fd, address.address, this.#small.address, flags);
		if (accepted >= 0) this.#owners[accepted] = this.#mark;
		return this.#checked(accepted);
	}

	connect(fd: number, address: NativeBuffer, length: number): number {
		inside(address, 0, length);
		return this.#checked(this.#call.connect(fd, address.address, length));
	}

	/** Dissolves the association of a socket, which can be connected again (connect(2), AF_UNSPEC). */
	disconnect(fd: number): number {
		this.#smallView.setBigUint64(0, 0n, true);
		this.#smallView.setBigUint64(8, 0n, true);
		return this.#checked(this.#call.connect(fd, this.#small.address, 16));
	}

	/** ENOTCONN once the kernel knows no peer any more: for TCP, when both FINs are acknowledged. The address is not wanted. */
	getpeername(fd: number): number {
		this.#smallView.setInt32(0, 0, true);
		return this.#checked(this.#call.getpeername(fd, this.#small.address, this.#small.address));
	}

	/** The socket's own address is written to `address`. */
	getsockname(fd: number, address: NativeBuffer): number {
		this.#smallView.setInt32(0, address.bytes.length, true);
		return this.#checked(this.#call.getsockname(fd, address.address, this.#small.address));
	}

	setOption(fd: number, level: number, option: number, value: number): number {
		this.#smallView.setInt32(0, value, true);
		return this.#checked(this.#call.setsockopt(fd, level, option, this.#small.address, 4));
	}

	/** An integer option, or the negated error number; for SO_ERROR, what is pending, which is cleared. */
	getOption(fd: number, level: number, option: number): number {
		this.#smallView.setInt32(8, 4, true);
		const result = this.#checked(
			this.#call.getsockopt(fd, level, option, this.#small.address, this.#small.address + 8),
		);
		return result < 0 ? result : this.#smallView.getInt32(0, true);
	}

	/** close(2) will send RST (socket(7), SO_LINGER with time 0). */
	resetOnClose(fd: number, option: { readonly level: number; readonly name: number }): number {
		this.#smallView.setInt32(0, 1, true);
		this.#smallView.setInt32(4, 0, true);
		return this.#checked(this.#call.setsockopt(fd, option.level, option.name, this.#small.address, 8));
	}

	recv(fd: number, buffer: NativeBuffer, offset: number, length: number, flags: number): number {
		inside(buffer, offset, length);
		return this.#checked(this.#call.recv(fd, buffer.address + offset, length, flags));
	}

	send(fd: number, buffer: NativeBuffer, offset: number, length: number, flags: number): number {
		inside(buffer, offset, length);
		return this.#checked(this.#call.send(fd, buffer.address + offset, length, flags));
	}

	shutdown(fd: number, how: number): number {
		return this.#checked(this.#call.shutdown(fd, how));
	}

	/** Read and write end, or the negated error number. */
	pipe(flags: number): readonly [number, number] | number {
		return this.#pair(this.#call.pipe2(this.#small.address, flags));
	}

	/** F_SETPIPE_SZ and the like. */
	fcntl(fd: number, command: number, argument: number): number {
		return this.#checked(this.#call.fcntl(fd, command, argument));
	}

	splice(from: number, to: number, length: number, flags: number): number {
		return this.#checked(this.#call.splice(from, 0, to, 0, length, flags));
	}

	/** Memory that is shared with the kernel: of a descriptor, or anonymous with -1. Negated error number, or the memory. */
	map(bytes: number, fd: number, offset: number): MappedMemory | number {
		const flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
		const address = this.#call.mmap(0, bytes, PROT_READ | PROT_WRITE, flags, fd, offset);
		if (address === -1) return this.#checked(-1);
		this.#maps?.add(address, bytes);
		return { words: new Int32Array(this.#koffi.view(BigInt(address), bytes)), address, bytes };
	}

	/** Its words must not be touched any more. */
	unmap({ address, bytes }: Pick<MappedMemory, 'address' | 'bytes'>): void {
		this.#maps?.remove(address);
		this.#call.munmap(address, bytes);
	}

	/** io_uring_setup(2); `params` is a `struct io_uring_params`. */
	ringSetup(entries: number, params: NativeBuffer): number {
		inside(params, 0, RING_PARAMS_BYTES);
		const fd = this.#call.syscall(SYS_IO_URING_SETUP, entries, params.address, 0, 0, 0, 0);
		if (fd >= 0) this.#owners[fd] = this.#mark;
		return this.#checked(fd);
	}

	/** io_uring_enter(2); `argument` is a `struct io_uring_getevents_arg`, where `flags` say that there is one. */
	ringEnter(fd: number, submit: number, complete: number, flags: number, argument: NativeBuffer | null): number {
		const address = argument === null ? 0 : argument.address;
		const bytes = argument === null ? 0 : argument.bytes.length;
		return this.#checked(this.#call.syscall(SYS_IO_URING_ENTER, fd, submit, complete, flags, address, bytes));
	}

	/** io_uring_register(2) with one structure. */
	ringRegister(fd: number, what: number, argument: NativeBuffer): number {
		return this.#checked(this.#call.syscall(SYS_IO_URING_REGISTER, fd, what, argument.address, 1, 0, 0));
	}

	#pair(result: number): readonly [number, number] | number {
		if (result < 0) return this.#checked(result);
		const pair = [this.#smallView.getInt32(0, true), this.#smallView.getInt32(4, true)] as const;
		for (const fd of pair) this.#owners[fd] = this.#mark;
		return pair;
	}

	#checked(result: number): number {
		return result === -1 ? -(this.#errno[0] ?? 0) : result;
	}
}

function inside(buffer: NativeBuffer, offset: number, length: number): void {
	if (offset < 0 || length < 0 || offset + length > buffer.bytes.length) {
		throw new RangeError(`bytes ${offset} to ${offset + length} of a buffer of ${buffer.bytes.length}`);
	}
}

function layoutHere(): Layout {
	if (process.platform !== 'linux') throw new Error(`epoll needs Linux, this is ${process.platform}`);
	// Looking up host names for the report takes long, and none is needed here.
	(process.report as { excludeNetwork?: boolean }).excludeNetwork = true;
	const header = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
	const name = `${header.header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc'}-${process.arch}`;
	const layout = LAYOUTS.get(name);
	if (layout === undefined) throw new Error(`no layout is known for ${name}`);
	return layout;
}
