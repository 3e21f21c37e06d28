import { VIEWS, type View } from './look.ts';
import type { Subject, Table } from './tables.ts';

/** What `top` may be asked to do to the balancer. */
export type Order =
	| { readonly type: 'drain' | 'enable'; readonly pool: string; readonly backend: string }
	| { readonly type: 'kill'; readonly id: string };

/** What the keys have made of the screen. */
export interface Steering {
	readonly view: View;
	readonly sort: Readonly<Record<View, number>>;
	readonly filter: string;
	/** The keys go into the filter. */
	readonly typing: boolean;
	/** Key of the selected row; null or gone: the first. */
	readonly selected: string | null;
	/** Done when it is answered with y. */
	readonly question: Order | null;
	readonly notice: { readonly text: string; readonly good: boolean } | null;
}

export const AT_FIRST: Steering = {
	view: 'backends',
	sort: { backends: 0, clients: 0, sessions: 0 },
	filter: '',
	typing: false,
	selected: null,
	question: null,
	notice: null,
};

/** A printable character, or one of these. */
export type Key = 'up' | 'down' | 'pageUp' | 'pageDown' | 'tab' | 'enter' | 'escape' | 'backspace' | (string & {});

export interface Pressed {
	readonly state: Steering;
	/** To be done now. */
	readonly order: Order | null;
	readonly quit: boolean;
}

const LONGEST_FILTER = 64;
const PAGE = 10;
const MOVES: ReadonlyMap<Key, number> = new Map([
	['up', -1],
	['k', -1],
	['down', 1],
	['j', 1],
	['pageUp', -PAGE],
	['pageDown', PAGE],
]);

/** What one key changes, with the table that is shown. */
export function press(state: Steering, key: Key, table: Table): Pressed {
	if (state.question !== null) return answered(state, key, state.question);
	if (state.typing) return stay(typed(state, key));
	const quiet = { ...state, notice: null };
	const move = MOVES.get(key);
	if (move !== undefined) return stay({ ...quiet, selected: moved(table, state.selected, move) });
	switch (key) {
		case 'q':
			return { state, order: null, quit: true };
		case 'tab':
			return stay({ ...quiet, view: nextView(state.view), selected: null });
		case 's':
			return stay({ ...quiet, sort: { ...state.sort, [state.view]: state.sort[state.view] + 1 } });
		case 'f':
		case '/':
			return stay({ ...quiet, typing: true });
		case 'escape':
			return stay({ ...quiet, filter: '' });
		case 'd':
		case 'e':
		case 'K':
			return stay(asked(quiet, key, subjectOf(table, state.selected)));
		default:
			return stay(quiet);
	}
}

const stay = (state: Steering): Pressed => ({ state, order: null, quit: false });

function answered(state: Steering, key: Key, question: Order): Pressed {
	const yes = key === 'y' || key === 'Y';
	const notice = yes ? null : { text: 'nothing done', good: true };
	return { state: { ...state, question: null, notice }, order: yes ? question : null, quit: false };
}

function typed(state: Steering, key: Key): Steering {
	if (key === 'enter') return { ...state, typing: false };
	if (key === 'escape') return { ...state, typing: false, filter: '' };
	if (key === 'backspace') return { ...state, filter: state.filter.slice(0, -1) };
	const printable = [...key].length === 1 && !/\p{Cc}/u.test(key);
	return printable && state.filter.length < LONGEST_FILTER ? { ...state, filter: state.filter + key } : state;
}

function asked(state: Steering, key: Key, subject: Subject | null): Steering {
	if (key === 'K') {
		if (subject?.type === 'session') return { ...state, question: { type: 'kill', id: subject.id } };
		return { ...state, notice: { text: 'K ends a session: tab goes to the sessions', good: false } };
	}
	if (subject?.type !== 'backend')
		return { ...state, notice: { text: `${key} is for backends: tab goes to them`, good: false } };
	const { pool, backend } = subject;
	return { ...state, question: { type: key === 'd' ? 'drain' : 'enable', pool, backend } };
}

const nextView = (view: View): View => VIEWS[(VIEWS.indexOf(view) + 1) % VIEWS.length] ?? 'backends';

/** Place of the selected row in the table; -1: nothing can be selected. */
export function selectedAt({ rows }: Table, selected: string | null): number {
	const at = selected === null ? -1 : rows.findIndex(({ key }) => key === selected);
	return at >= 0 ? at : rows.findIndex(({ key }) => key !== null);
}

const subjectOf = (table: Table, selected: string | null): Subject | null =>
	table.rows[selectedAt(table, selected)]?.subject ?? null;

/** Headings are passed over. */
function moved(table: Table, selected: string | null, by: number): string | null {
	const keys = table.rows.flatMap(({ key }) => (key === null ? [] : [key]));
	const at = keys.indexOf(table.rows[selectedAt(table, selected)]?.key ?? '');
	return keys[Math.min(keys.length - 1, Math.max(0, at + by))] ?? null;
}

/** What will be done, as it is asked and told. */
export function orderText(order: Order): string {
	if (order.type === 'kill') return `kill session ${order.id}`;
	return `${order.type} ${order.pool}/${order.backend}`;
}
