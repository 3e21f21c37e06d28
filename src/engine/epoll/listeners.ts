import type { Endpoint } from '../../core/address.ts';
import type { LogEvent } from '../../core/record.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { bindFailure, type WantedBind, wantedBinds } from '../binds.ts';
import { ERRNO, errnoName } from './errno.ts';
import { FullListeners } from './full-listeners.ts';
import type { Libc } from './libc.ts';
import { EpollListener, type ListenerHooks } from './listener.ts';
import type { Timed } from './loop.ts';
import type { Poller } from './poller.ts';
import type { SocketAddress } from './sockaddr.ts';
import { Spare } from './spare.ts';
import { Starvation } from './starvation.ts';

/** Where listening descriptors come from: they belong to the main thread, and outlive the worker. */
export interface ListeningSockets {
	/** A non-blocking listening socket for this address, a negated error number, or null: it is missing, and who misses it has been told. */
	open(wanted: WantedBind): number | null;
	/** This worker will not use it again; its queue has been emptied. */
	release(wanted: WantedBind, fd: number): void;
}

export interface ListenersOptions {
	readonly worker: number;
	readonly sockets: ListeningSockets;
	readonly libc: Libc;
	readonly poller: Poller;
	readonly address: SocketAddress;
	/** Whether a listener's next client may leave the kernel's queue; an index into the snapshot's listeners. */
	mayAccept(listener: number): boolean;
	/** A client; its descriptor is the hook's to close. */
	accepted(from: EpollListener, fd: number, peer: Endpoint): void;
	/** Gives up what nobody needs and that takes descriptors; false when there was nothing. */
	relieve(): boolean;
	nowNs(): number;
	log(event: LogEvent): void;
}

interface OpenListener {
	wanted: WantedBind;
	readonly listener: EpollListener;
}

/** The listeners of one worker: opened and closed as snapshots say, resting while there is no room or no descriptor. */
export class Listeners {
	/** What has to be done at an instant. */
	readonly timed: readonly Timed[];
	/** Kept for the connect of the last client. */
	readonly spare: Spare;
	readonly #options: ListenersOptions;
	readonly #open = new Map<string, OpenListener>();
	readonly #starvation: Starvation;
	readonly #full: FullListeners;
	readonly #hooks: ListenerHooks;

	constructor(options: ListenersOptions) {
		const mayAccept = ({ listener }: EpollListener): boolean => options.mayAccept(listener);
		this.#options = options;
		this.#full = new FullListeners(mayAccept, () => options.nowNs());
		this.#starvation = new Starvation({
			pauseAll: () => this.#each((listener) => listener.pause()),
			resumeAll: () => this.#resumeAll(),
			nowNs: () => options.nowNs(),
			log: (event) => options.log(event),
		});
		this.spare = new Spare(options.libc, () => this.#starvation.begin(-ERRNO.EMFILE));
		this.timed = [this.#full, this.#starvation];
		this.#hooks = {
			mayAccept,
			full: (listener) => this.#full.add(listener),
			accepted: (from, fd, peer) => {
				this.#starvation.end();
				options.accepted(from, fd, peer);
			},
			relieve: () => options.relieve(),
			starved: (_listener, error) => this.#starvation.begin(error),
		};
	}

	/** Opens what the snapshot adds, closes what it no longer has; answers what could not be opened. */
	apply(snapshot: Snapshot): readonly string[] {
		const wanted = wantedBinds(snapshot, this.#options.worker, true);
		for (const [key, open] of this.#open) {
			const stays = wanted.get(key);
			if (stays === undefined) this.#close(key, open);
			else open.listener.listener = stays.listener;
		}
		const failures: string[] = [];
		for (const bind of wanted.values()) {
			const failure = this.#ensureOpen(bind, snapshot);
			if (failure !== null) failures.push(failure);
		}
		return failures;
	}

	/** Places or descriptors have been given back. */
	roomMade(): void {
		this.#starvation.runDue();
		this.#full.runDue();
	}

	closeAll(): void {
		for (const [key, open] of this.#open) this.#close(key, open);
	}

	/** As `closeAll`, without a look at who waits. */
	abandon(): void {
		for (const [key, { wanted, listener }] of this.#open) {
			this.#open.delete(key);
			listener.pause();
			this.#options.sockets.release(wanted, listener.fd);
		}
		this.spare.close();
	}

	#ensureOpen(wanted: WantedBind, snapshot: Snapshot): string | null {
		const config = snapshot.listeners[wanted.listener];
		const known = this.#open.get(wanted.key);
		if (known !== undefined) {
			known.wanted = wanted;
			if (config !== undefined) known.listener.setKeepAlive(config.keepAlive);
			return null;
		}
		const fd = this.#options.sockets.open(wanted);
		if (fd === null) return null;
		if (fd < 0) return bindFailure(config?.name ?? '', wanted.bind, errnoName(fd));
		const listener = new EpollListener(this.#options, fd, wanted.bind, wanted.listener, this.#hooks);
		if (config !== undefined) listener.setKeepAlive(config.keepAlive);
		const resumed = listener.resume();
		if (resumed < 0) return bindFailure(config?.name ?? '', wanted.bind, errnoName(resumed));
		this.#open.set(wanted.key, { wanted, listener });
		return null;
	}

	/** What waits in its queue was promised service: it is taken in before the address goes. */
	#close(key: string, { wanted, listener }: OpenListener): void {
		this.#open.delete(key);
		this.#full.drop(listener);
		listener.acceptLast();
		this.#options.sockets.release(wanted, listener.fd);
	}

	#resumeAll(): boolean {
		if (!this.spare.restock()) return false;
		let all = true;
		this.#each((listener) => {
			if (listener.resume() < 0) all = false;
		});
		return all;
	}

	#each(run: (listener: EpollListener) => void): void {
		for (const { listener } of this.#open.values()) run(listener);
	}
}
