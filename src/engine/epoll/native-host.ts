import { rmSync } from 'node:fs';
import type { NativeHost, NativeStart } from '../../core/ports.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { bindFailure, type WantedBind, wantedBinds } from '../binds.ts';
import { systemBacklog } from '../platform.ts';
import { DescriptorTable } from './descriptors.ts';
import { errnoName } from './errno.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK, SO_LINGER, SOL_SOCKET } from './layouts.ts';
import type { Libc } from './libc.ts';
import { openListeningSocket } from './listening-sockets.ts';
import { MappedNotes } from './mapped-notes.ts';

interface Owned {
	readonly bind: WantedBind['bind'];
	/** By worker; absent where that worker does not listen here, or has let go. */
	readonly fds: Map<number, number>;
}

/**
 * The main thread's side of the epoll engine: it owns the listening sockets, one per worker and address, so that
 * what waits in their queues outlives a worker; rings the workers' bells; and closes what a dead worker had open.
 */
export class EpollHost implements NativeHost {
	readonly #libc: Libc;
	readonly #workers: number;
	readonly pipes: number;
	readonly bells: readonly number[];
	readonly #backlog = systemBacklog();
	readonly #memory: SharedArrayBuffer;
	readonly #table: DescriptorTable;
	/** By worker. */
	readonly #maps: readonly SharedArrayBuffer[];
	readonly #owned = new Map<string, Owned>();

	/** `nofile`: how many descriptors the process may have. `pipes`: the process-wide budget. */
	constructor(libc: Libc, options: { readonly workers: number; readonly nofile: number; readonly pipes: number }) {
		this.#libc = libc;
		this.#workers = options.workers;
		this.pipes = options.pipes;
		this.bells = Array.from({ length: options.workers }, () => libc.eventfd(EFD_NONBLOCK | EFD_CLOEXEC));
		this.#memory = DescriptorTable.memoryFor(options.nofile);
		this.#table = new DescriptorTable(this.#memory);
		this.#maps = this.bells.map(() => MappedNotes.memory());
	}

	startOf(worker: number): NativeStart {
		const maps = this.#maps[worker] ?? MappedNotes.memory();
		return { descriptors: this.#memory, maps, pipes: Math.floor(this.pipes / this.#workers), worker };
	}

	/** Opens what the snapshot adds; answers what could not be opened, ready to print. */
	open(snapshot: Snapshot): readonly string[] {
		const failures: string[] = [];
		for (let worker = 0; worker < this.#workers; worker++) {
			for (const wanted of wantedBinds(snapshot, worker, true).values()) {
				const failure = this.#ensure(wanted, worker, snapshot);
				if (failure !== null) failures.push(failure);
			}
		}
		return [...new Set(failures)];
	}

	socketsOf(worker: number): ReadonlyMap<string, number> {
		const sockets = new Map<string, number>();
		for (const [key, { fds }] of this.#owned) {
			const fd = fds.get(worker);
			if (fd !== undefined) sockets.set(key, fd);
		}
		return sockets;
	}

	adopted(worker: number, snapshot: Snapshot): void {
		const wanted = wantedBinds(snapshot, worker, true);
		for (const key of [...this.#owned.keys()]) if (!wanted.has(key)) this.released(worker, key);
	}

	released(worker: number, key: string): void {
		const owned = this.#owned.get(key);
		const fd = owned?.fds.get(worker);
		if (owned === undefined || fd === undefined) return;
		owned.fds.delete(worker);
		this.#libc.close(fd);
		if (owned.fds.size > 0) return;
		this.#owned.delete(key);
		removeSocketFile(owned.bind);
	}

	ring(worker: number): void {
		const bell = this.bells[worker];
		if (bell !== undefined) this.#libc.signal(bell);
	}

	/** Its clients and backends are reset: what it held of their bytes is gone. */
	bury(worker: number): void {
		for (const fd of this.#table.abandoned(worker)) {
			this.#libc.resetOnClose(fd, { level: SOL_SOCKET, name: SO_LINGER });
			this.#libc.close(fd);
		}
		const maps = this.#maps[worker];
		if (maps !== undefined) for (const mapped of new MappedNotes(maps).take()) this.#libc.unmap(mapped);
	}

	close(): void {
		for (const { fds, bind } of this.#owned.values()) {
			for (const fd of fds.values()) this.#libc.close(fd);
			removeSocketFile(bind);
		}
		this.#owned.clear();
		for (const bell of this.bells) this.#libc.close(bell);
	}

	#ensure({ key, bind, listener }: WantedBind, worker: number, snapshot: Snapshot): string | null {
		const owned = this.#owned.get(key) ?? { bind, fds: new Map<number, number>() };
		if (owned.fds.has(worker)) return null;
		// A single worker too: an address may give way to one that overlaps it, and both are open for a moment.
		const fd = openListeningSocket(this.#libc, bind, true, this.#backlog);
		if (fd < 0) return bindFailure(snapshot.listeners[listener]?.name ?? '', bind, errnoName(fd));
		owned.fds.set(worker, fd);
		this.#owned.set(key, owned);
		return null;
	}
}

/** A unix-domain socket leaves its file behind when it is closed (unix(7)). */
function removeSocketFile({ target }: WantedBind['bind']): void {
	if (target.type === 'unix') rmSync(target.path, { force: true });
}
