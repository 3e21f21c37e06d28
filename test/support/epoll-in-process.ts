import { rmSync } from 'node:fs';
import type { EngineFactory, EngineOptions, EngineSession } from '../../src/engine/engine.ts';
import { EpollEngine } from '../../src/engine/epoll/engine.ts';
import { Libc } from '../../src/engine/epoll/libc.ts';
import { openListeningSocket } from '../../src/engine/epoll/listening-sockets.ts';

/**
 * The epoll engine in the test's own thread: its loop cannot block here, so it is given a turn every
 * millisecond. Its listening sockets are its own.
 */
export const createEpollInProcess: EngineFactory = <S extends EngineSession>(options: EngineOptions<S>) => {
	const libc = new Libc();
	const engine = new EpollEngine<S>({
		...options,
		libc,
		pipes: 8,
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
