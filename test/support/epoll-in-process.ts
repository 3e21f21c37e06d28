import { rmSync } from 'node:fs';
import type { EngineFactory, EngineOptions, EngineSession } from '../../src/engine/engine.ts';
import { EpollEngine } from '../../src/engine/epoll/engine.ts';
import { Libc } from '../../src/engine/epoll/libc.ts';
import { openListeningSocket } from '../../src/engine/epoll/listening-sockets.ts';
import { openTestedRing } from '../../src/engine/epoll/ring-self-test.ts';
import { openTestedLibc } from '../../src/engine/epoll/self-test.ts';

/**
 * The epoll engine in the test's own thread: its loop cannot block here, so it is given a turn every
 * millisecond. Its listening sockets are its own. With a ring every relay begins in it.
 */
const createWith = <S extends EngineSession>(options: EngineOptions<S>, withRing: boolean): EpollEngine<S> => {
	const libc = new Libc();
	const ring = withRing ? openTestedRing(libc) : null;
	if (typeof ring === 'string') throw new Error(ring);
	const engine = new EpollEngine<S>({
		...options,
		libc,
		pipes: 8,
		ring,
		rides: { afterChunks: 0, averageBytes: Number.POSITIVE_INFINITY },
		sockets: {
			open: ({ bind }) => openListeningSocket(libc, bind, false, 4096),
			release: ({ bind }, fd) => {
				libc.close(fd);
				if (bind.target.type === 'unix') rmSync(bind.target.path, { force: true });
			},
		},
	});
	// A test whose start failed destroys nothing, and has to end all the same.
	const turns = setInterval(() => engine.turn(0), 1).unref();
	const destroy = engine.destroy.bind(engine);
	engine.destroy = () => {
		clearInterval(turns);
		destroy();
	};
	return engine;
};

export const createEpollInProcess: EngineFactory = (options) => createWith(options, false);

export const createRingInProcess: EngineFactory = (options) => createWith(options, true);

/** Why there is no io_uring here; null where there is. */
export const ringReason = reasonWithoutRing();

function reasonWithoutRing(): string | null {
	const tested = openTestedLibc();
	if ('reason' in tested) return tested.reason;
	const ring = openTestedRing(tested.libc);
	if (typeof ring === 'string') return ring;
	ring.close();
	return null;
}
