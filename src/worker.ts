import { writeSync } from 'node:fs';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { ToWorker, WorkerStart } from './core/messages.ts';
import type { NativeStart } from './core/ports.ts';
import { DataPlane } from './data-plane.ts';
import type { EngineOptions } from './engine/engine.ts';
import { DescriptorTable } from './engine/epoll/descriptors.ts';
import { EpollEngine, type EpollOptions } from './engine/epoll/engine.ts';
import { ERRNO } from './engine/epoll/errno.ts';
import { EPOLLIN } from './engine/epoll/layouts.ts';
import { type DescriptorNotes, Libc } from './engine/epoll/libc.ts';
import { MappedNotes } from './engine/epoll/mapped-notes.ts';
import type { Ring } from './engine/epoll/ring.ts';
import { openTestedRing } from './engine/epoll/ring-self-test.ts';
import { createNodeEngine } from './engine/node/engine.ts';
import { WakeListener } from './engine/node/wake-listener.ts';
import type { Session } from './session/session.ts';

const ONE_SIGNAL = new Uint8Array(new BigUint64Array([1n]).buffer);

/** Node's event loop runs the engine on `node:net`, and hears messages and wake-ups by itself. */
function runOnNode(start: WorkerStart, port: MessagePort): void {
	const plane = new DataPlane(start, {
		makeEngine: createNodeEngine,
		post: (message) => port.postMessage(message),
		// Its own kind is woken by the wake word; a bell is an eventfd, which takes 8 bytes (eventfd(2)).
		wake: (other) => {
			const bell = start.bells[other];
			if (bell !== undefined) writeSync(bell, ONE_SIGNAL);
		},
	});
	new WakeListener(start.memory.wakes, start.worker, () => plane.lookAfterQueues());
	port.on('message', (message: ToWorker) => plane.receive(message));
}

/** The epoll engine's loop never returns to Node's: its bell says when there is something to hear. */
function runOnEpoll(start: WorkerStart, native: NativeStart, port: MessagePort): void {
	const { worker, bells } = start;
	const libc = new Libc(notesOf(native));
	const bell = bells[worker] ?? -ERRNO.EBADF;
	let sockets: ReadonlyMap<string, number> = new Map();
	const listening: EpollOptions<Session>['sockets'] = {
		// The main thread has told what it could not open.
		open: ({ key }) => sockets.get(key) ?? null,
		release: ({ key }) => port.postMessage({ type: 'listening-ended', key }),
	};
	let loop: EpollEngine<Session> | null = null;
	const plane = new DataPlane(start, {
		makeEngine: (options) => {
			const ring = ringFor(libc, options);
			loop = new EpollEngine<Session>({ ...options, libc, sockets: listening, pipes: native.pipes, ring });
			return loop;
		},
		post: (message) => port.postMessage(message),
		wake: (other) => {
			const otherBell = bells[other];
			if (otherBell !== undefined) libc.signal(otherBell);
		},
	});
	const hear = (): void => {
		libc.takeSignals(bell);
		for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
			const message = got.message as ToWorker;
			if (message.type === 'snapshot') sockets = message.sockets;
			plane.receive(message);
		}
		plane.lookAfterQueues();
	};
	turnForEver(loop, bell, hear);
}

/** Without io_uring nothing is missing but some speed: one worker says so. */
function ringFor(libc: Libc, { worker, log }: EngineOptions<Session>): Ring | null {
	const ring = openTestedRing(libc);
	if (typeof ring !== 'string') return ring;
	if (worker === 0)
		log({ level: 'info', msg: 'small messages are relayed without io_uring', fields: { reason: ring } });
	return null;
}

function turnForEver(engine: EpollEngine<Session> | null, bell: number, hear: () => void): never {
	if (engine === null) throw new Error('the data plane has made no engine');
	const added = engine.poller.add(bell, EPOLLIN, { onEvents: hear });
	if (added < 0) throw new Error(`the worker's bell cannot be watched: error ${-added}`);
	for (;;) engine.turn();
}

const notesOf = ({ worker, descriptors, maps }: NativeStart): DescriptorNotes => ({
	owners: new DescriptorTable(descriptors).owners,
	mark: DescriptorTable.markOf(worker),
	maps: new MappedNotes(maps),
});

function run(): void {
	if (parentPort === null) throw new Error('worker.ts is started as a worker thread only');
	const start = workerData as WorkerStart;
	if (start.native === null) runOnNode(start, parentPort);
	else runOnEpoll(start, start.native, parentPort);
}

run();
