import t from 'tap';
import type { LogEvent } from '../../src/core/record.ts';
import type { SessionAction, SessionEvent } from '../../src/core/session-io.ts';
import { Driver, type Journey, type Shell } from '../../src/engine/driver.ts';
import type { EngineSession } from '../../src/engine/engine.ts';

type Answer = (event: SessionEvent, out: SessionAction[]) => void;

/** Answers as it is told, keeps what it was told, and is over after `closed`. */
class FakeSession implements EngineSession {
	deadlineNs = Number.POSITIVE_INFINITY;
	over = false;
	readonly backendSlot = null;
	journey: object | null = null;
	readonly told: string[] = [];
	readonly answer: Answer;

	constructor(answer: Answer) {
		this.answer = answer;
	}

	handle(event: SessionEvent, _nowNs: number, out: SessionAction[]): void {
		this.told.push(event.type);
		if (event.type === 'closed') this.over = true;
		else this.answer(event, out);
	}
}

class FakeShell implements Shell {
	readonly done: string[] = [];
	/** Reported by `flush` from inside the action, as an engine with nothing left to write does. */
	onFlush: () => void = () => {};
	onClose: () => void = () => {};

	peek(): void {
		this.done.push('peek');
	}
	consume(): void {
		this.done.push('consume');
	}
	reply(): void {
		this.done.push('reply');
	}
	handshake(): void {
		this.done.push('handshake');
	}
	greet(): void {
		this.done.push('greet');
	}
	secure(): void {
		this.done.push('secure');
	}
	hold(): void {
		this.done.push('hold');
	}
	connect(): void {
		this.done.push('connect');
	}
	cancelConnect(): void {
		this.done.push('cancel-connect');
	}
	relay(): void {
		this.done.push('relay');
	}
	shutdown(side: string): void {
		this.done.push(`shutdown ${side}`);
	}
	flush(side: string): void {
		this.done.push(`flush ${side}`);
		this.onFlush();
	}
	close(manner: string): void {
		this.done.push(`close ${manner}`);
		this.onClose();
	}
}

interface Bench {
	nowNs: number;
	readonly driver: Driver<FakeSession>;
	readonly over: FakeSession[];
	readonly logged: LogEvent[];
	readonly wakes: number[];
	add(answer: Answer): { session: FakeSession; shell: FakeShell; journey: Journey<FakeSession> };
}

function bench(): Bench {
	const [over, logged, wakes]: [FakeSession[], LogEvent[], number[]] = [[], [], []];
	const bench: Bench = {
		nowNs: 0,
		over,
		logged,
		wakes,
		driver: new Driver<FakeSession>({
			clock: { nowNs: () => bench.nowNs, wallMs: () => 0 },
			onSessionOver: (session) => over.push(session),
			log: (event) => logged.push(event),
			wakeAt: (deadlineNs) => wakes.push(deadlineNs),
		}),
		add: (answer) => {
			const [session, shell] = [new FakeSession(answer), new FakeShell()];
			const journey = bench.driver.add(session, shell);
			shell.onClose = () => bench.driver.tell(journey, { type: 'closed' });
			return { session, shell, journey };
		},
	};
	return bench;
}

const CLOSE: SessionAction = { type: 'close', manner: 'fin' };
const ACCEPTED: SessionEvent = { type: 'accepted' };

t.test('actions are carried out in order, and a session that has closed is forgotten', async (t) => {
	const { driver, over, add } = bench();
	const { session, shell, journey } = add((_, out) => out.push({ type: 'hold' }, { type: 'cancel-connect' }, CLOSE));
	driver.tell(journey, ACCEPTED);
	t.same(shell.done, ['hold', 'cancel-connect', 'close fin']);
	t.same(session.told, ['accepted', 'closed']);
	t.same([over, driver.size, [...driver.sessions()]], [[session], 0, []]);
	driver.tell(journey, ACCEPTED);
	t.same(session.told, ['accepted', 'closed'], 'nothing more is told');
});

t.test('an event from inside an action waits until the actions before it are done', async (t) => {
	const { driver, add } = bench();
	const { session, shell, journey } = add((event, out) => {
		if (event.type === 'accepted') out.push({ type: 'flush', side: 'backend' }, { type: 'shutdown', side: 'client' });
		else out.push(CLOSE);
	});
	shell.onFlush = () => driver.tell(journey, { type: 'flushed', side: 'backend' });
	driver.tell(journey, ACCEPTED);
	t.same(shell.done, ['flush backend', 'shutdown client', 'close fin']);
	t.same(session.told, ['accepted', 'flushed', 'closed']);
});

t.test('a deadline is told when it has passed, and the engine is woken for the next one', async (t) => {
	const it = bench();
	const { session, journey } = it.add(() => {
		session.deadlineNs = it.nowNs + 50;
	});
	it.driver.tell(journey, ACCEPTED);
	t.equal(it.wakes.at(-1), 50);
	it.nowNs = 49;
	it.driver.runDue(49);
	t.same(session.told, ['accepted']);
	it.nowNs = 50;
	it.driver.runDue(50);
	t.same(session.told, ['accepted', 'deadline']);
	t.equal(it.wakes.at(-1), 100);
});

t.test('a session that does not move its deadline is told once per turn, not forever', async (t) => {
	const it = bench();
	const { session, journey } = it.add(() => {
		session.deadlineNs = 10;
	});
	it.driver.tell(journey, ACCEPTED);
	it.driver.runDue(20);
	t.same(session.told, ['accepted', 'deadline']);
});

t.test('a session that throws is told to end itself; the others go on', async (t) => {
	const { driver, logged, over, add } = bench();
	const faulty = add((event, out) => {
		if (event.type === 'accepted') throw new Error('oops');
		out.push({ type: 'close', manner: 'reset' });
	});
	const sound = add((_, out) => out.push({ type: 'hold' }));
	driver.tell(faulty.journey, ACCEPTED);
	driver.tell(sound.journey, ACCEPTED);
	t.same(faulty.session.told, ['accepted', 'kill', 'closed']);
	t.same(faulty.shell.done, ['close reset']);
	t.same([over, driver.size], [[faulty.session], 1]);
	t.match(logged, [{ level: 'error', msg: 'internal error in a session', fields: { error: 'oops' } }]);
	t.same(sound.shell.done, ['hold']);
});

t.test('a session that throws whatever it is told is dropped, its sockets reset', async (t) => {
	const { driver, logged, over, add } = bench();
	const { session, shell, journey } = add(() => {
		throw new Error('broken');
	});
	driver.tell(journey, ACCEPTED);
	t.same(shell.done, ['close reset']);
	t.same([over, driver.size, logged.length], [[session], 0, 2]);
});

t.test('a broadcast reaches those picked, also when it ends them', async (t) => {
	const { driver, add } = bench();
	const all = [1, 2, 3].map(() => add((_, out) => out.push(CLOSE)));
	driver.broadcast({ type: 'kill', outcome: 'shutdown' }, (session) => session !== all[1]?.session);
	t.same(
		all.map(({ session }) => session.told),
		[['kill', 'closed'], [], ['kill', 'closed']],
	);
	driver.broadcast({ type: 'kill', outcome: 'shutdown' });
	t.equal(driver.size, 0);
});
