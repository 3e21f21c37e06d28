import { Box, render, Text, useApp, useInput } from 'ink';
import { createElement as h, useEffect, useRef, useState } from 'react';
import * as z from 'zod';
import { errorText } from '../../../core/errors.ts';
import type { AdminClient } from '../client.ts';
import { backendPath } from '../options.ts';
import { frame, type Line, type Size } from './frame.ts';
import { AT_FIRST, type Key, type Order, orderText, press, type Steering } from './keys.ts';
import { look, type Seen, type View } from './look.ts';
import { type Span, type Tone, tableOf } from './tables.ts';
import { follow, NO_TRACK, type Track } from './track.ts';

const EVERY_MS = 1_000;
const ALTERNATE_SCREEN = '\u001b[?1049h\u001b[H';
const FORMER_SCREEN = '\u001b[?1049l';
/** Erases all and begins above: a terminal that becomes smaller moves the lines that were drawn. */
const AFRESH = '\u001b[2J\u001b[H';

const done = z.object({ ok: z.literal(true) });

/** Shows the balancer until somebody has seen enough of it. Standard input and output must be a terminal. */
export async function watch(client: AdminClient, first: Seen): Promise<void> {
	const { stdout } = process;
	stdout.write(ALTERNATE_SCREEN);
	const erase = (): void => void stdout.write(AFRESH);
	// Before the library draws for the new size.
	stdout.prependListener('resize', erase);
	const screen = render(h(Top, { client, first }), { exitOnCtrlC: true });
	const leave = (): void => screen.unmount();
	for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, leave);
	try {
		await screen.waitUntilExit();
	} finally {
		stdout.off('resize', erase);
		stdout.write(FORMER_SCREEN);
	}
}

interface Watched {
	readonly seen: Seen;
	readonly track: Track;
	/** Why there is no answer now. */
	readonly lost: string | null;
}

function Top({ client, first }: { readonly client: AdminClient; readonly first: Seen }) {
	const { exit } = useApp();
	const size = useSize();
	const [state, setState] = useState<Steering>(AT_FIRST);
	const watched = useLooks(client, first, state.view);
	const table = tableOf(state.view, watched.seen, state.sort[state.view], state.filter);

	// Several keys may come before the next drawing: each one goes on from what the one before has made.
	const latest = useRef(state);
	latest.current = state;
	const take = (key: Key): void => {
		const { view, sort, filter } = latest.current;
		const { state: next, order, quit } = press(latest.current, key, tableOf(view, watched.seen, sort[view], filter));
		latest.current = next;
		setState(next);
		if (quit) exit();
		if (order !== null) void carryOut(client, order).then((notice) => setState((now) => ({ ...now, notice })));
	};
	useInput((input, special) => {
		const name = SPECIAL.find((candidate) => special[candidate[0]])?.[1];
		if (name !== undefined) take(name);
		else if (!special.ctrl && !special.meta) for (const character of input) take(character);
	});

	const lines = frame(watched.seen, watched.track, table, state, watched.lost, size);
	return h(Box, { flexDirection: 'column' }, ...lines.map((line, at) => h(DrawnLine, { key: at, line })));
}

const SPECIAL = [
	['upArrow', 'up'],
	['downArrow', 'down'],
	['pageUp', 'pageUp'],
	['pageDown', 'pageDown'],
	['tab', 'tab'],
	['return', 'enter'],
	['escape', 'escape'],
	['backspace', 'backspace'],
	['delete', 'backspace'],
] as const;

const LOOKS: Readonly<Record<Tone, object>> = {
	plain: {},
	bold: { bold: true },
	soft: { dimColor: true },
	good: { color: 'green' },
	warn: { color: 'yellow' },
	bad: { color: 'red' },
};

function DrawnLine({ line }: { readonly line: Line }) {
	const drawn = line.spans.map(({ text, tone }: Span, at) => h(Text, { key: at, ...LOOKS[tone] }, text));
	return h(Text, { wrap: 'truncate', inverse: line.selected }, ...(drawn.length === 0 ? [' '] : drawn));
}

/** Looks again and again, one look at a time, and at once when another view is wanted. */
function useLooks(client: AdminClient, first: Seen, view: View): Watched {
	const [watched, setWatched] = useState<Watched>(() => ({
		seen: first,
		track: follow(NO_TRACK, first.status, performance.now()),
		lost: null,
	}));
	useEffect(() => {
		let over = false;
		let timer: NodeJS.Timeout | undefined;
		const again = async (): Promise<void> => {
			const hear = await look(client, [view]).then(
				(seen) => (before: Watched) => ({
					seen,
					track: follow(before.track, seen.status, performance.now()),
					lost: null,
				}),
				(error) => (before: Watched) => ({ ...before, lost: errorText(error) }),
			);
			if (over) return;
			setWatched(hear);
			timer = setTimeout(again, EVERY_MS);
		};
		void again();
		return () => {
			over = true;
			clearTimeout(timer);
		};
	}, [client, view]);
	return watched;
}

/** A line less than the terminal has: a full screen would be cleared and drawn anew each time. */
const sizeNow = (): Size => ({ columns: process.stdout.columns || 80, rows: (process.stdout.rows || 24) - 1 });

function useSize(): Size {
	const [size, setSize] = useState(sizeNow);
	useEffect(() => {
		const hear = (): void => setSize(sizeNow());
		process.stdout.on('resize', hear);
		return () => void process.stdout.off('resize', hear);
	}, []);
	return size;
}

async function carryOut(client: AdminClient, order: Order): Promise<Steering['notice']> {
	try {
		if (order.type === 'kill') await client.send('DELETE', `/sessions/${encodeURIComponent(order.id)}`, {}, done);
		else await client.send('POST', backendPath(order.pool, order.backend, `/${order.type}`), {}, done);
		return { text: `done: ${orderText(order)}`, good: true };
	} catch (error) {
		return { text: errorText(error), good: false };
	}
}
