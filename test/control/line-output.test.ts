import { Writable } from 'node:stream';
import t from 'tap';
import { LineOutput, RETRY_MS } from '../../src/control/line-output.ts';
import { Log } from '../../src/control/log.ts';
import { RecordPump } from '../../src/control/record-pump.ts';

/** A disk that may be full, behind a stream that outlives it. */
function disk() {
	const lines: string[] = [];
	const state = { full: false, nowMs: 0 };
	const stream = new Writable({
		decodeStrings: false,
		// What Node does to keep standard output from being destroyed.
		destroy(error, done) {
			done(error);
			(this as unknown as { _undestroy(): void })._undestroy();
		},
		write(line: string, _encoding, done) {
			if (state.full) return done(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
			lines.push(line);
			done();
		},
	});
	const output = new LineOutput(stream, () => state.nowMs);
	return { lines, state, output, write: (line: string) => written(output, line) };
}

/** A line, and what the stream says of it. */
async function written(output: LineOutput, line: string): Promise<void> {
	output.write(line);
	await new Promise((resolve) => setImmediate(resolve));
}

t.test('a full disk: lines are lost and counted, one is tried now and then, and it flows again', async (t) => {
	const { lines, state, output, write } = disk();
	await write('a');
	state.full = true;
	await write('b');
	t.strictSame([output.failing, output.blocked], [true, true]);
	await write('c');
	state.nowMs += RETRY_MS;
	t.equal(output.blocked, false, 'the next try is due');
	output.write('d');
	t.equal(output.blocked, true, 'one at a time');
	await write('e');
	t.strictSame([lines, output.failing], [['a'], true]);
	state.full = false;
	await write('f');
	t.strictSame(lines, ['a'], 'not before its time');
	state.nowMs += RETRY_MS;
	await write('g');
	await write('h');
	t.strictSame([lines, output.failing, output.blocked], [['a', 'g', 'h'], false, false]);
	t.equal(output.takeLost(), 5);
});

t.test('how many lines a full disk has cost is told once it flows again', async (t) => {
	const { lines, state, output } = disk();
	const log = new Log({ output, onLog: null, onRecord: null }, 'info');
	const pump = new RecordPump([{ next: () => null, dropped: 7 }], log);
	const turn = async (): Promise<void> => {
		pump.turn();
		await new Promise((resolve) => setImmediate(resolve));
	};
	state.full = true;
	await written(output, 'x');
	for (let second = 0; second < 3; second++) {
		await turn();
		state.nowMs += RETRY_MS;
	}
	state.full = false;
	log.info('a try');
	await turn();
	await turn();
	const told = lines
		.join('')
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line));
	t.match(told, [
		{ msg: 'a try' },
		{ msg: 'records dropped', worker: 0, count: 7 },
		{ msg: 'records dropped', worker: null, count: 1 },
	]);
});

t.test('flushing a full disk waits no longer than it may', async (t) => {
	const { state, output, write } = disk();
	state.full = true;
	await write('x');
	const before = Date.now();
	await output.flush(20);
	t.ok(Date.now() - before < 1_000);
});

/** A stream that tells what was written with one call. */
function gatherer() {
	const pieces: string[] = [];
	const fail = { with: null as NodeJS.ErrnoException | null };
	const stream = new Writable({
		decodeStrings: false,
		highWaterMark: 1_000,
		destroy(error, done) {
			done(error);
			(this as unknown as { _undestroy(): void })._undestroy();
		},
		write(piece: string, _encoding, done) {
			if (fail.with === null) pieces.push(piece);
			done(fail.with);
		},
	});
	return { stream, pieces, fail };
}

t.test('lines that go together are few pieces, in order, and do not look like a reader that is behind', (t) => {
	const { stream, pieces } = gatherer();
	const output = new LineOutput(stream);
	const lines = Array.from({ length: 98 }, (_, i) => `${String(i).padStart(99, '0')}\n`);
	output.together(() => {
		for (const line of lines) {
			t.equal(output.blocked, false);
			output.write(line);
		}
		t.equal(pieces.join(''), lines.slice(0, 95).join(''), 'what is below a piece waits');
	});
	t.equal(pieces.join(''), lines.join(''));
	t.equal(pieces.length, 20);
	output.write('alone\n');
	t.equal(pieces.at(-1), 'alone\n');
	t.end();
});

t.test('lines are written though what gathered them has thrown', (t) => {
	const { stream, pieces } = gatherer();
	const output = new LineOutput(stream);
	t.throws(() =>
		output.together(() => {
			output.write('before\n');
			throw new Error('a fault');
		}),
	);
	output.write('after\n');
	t.strictSame(pieces, ['before\n', 'after\n']);
	t.end();
});

t.test('each line of a piece that could not be written is counted', async (t) => {
	const { stream, fail } = gatherer();
	const output = new LineOutput(stream);
	output.together(() => output.write('good\n'));
	fail.with = Object.assign(new Error('no space'), { code: 'ENOSPC' });
	output.together(() => {
		for (let i = 0; i < 7; i++) output.write(`${i}\n`);
	});
	await new Promise((resolve) => setImmediate(resolve));
	t.strictSame([output.failing, output.takeLost()], [true, 7]);
});

t.test('lines to a file are written one by one', (t) => {
	const { stream, pieces } = gatherer();
	const output = new LineOutput(stream, Date.now, false);
	output.together(() => {
		output.write('a\n');
		output.write('b\n');
	});
	t.strictSame(pieces, ['a\n', 'b\n']);
	t.end();
});
