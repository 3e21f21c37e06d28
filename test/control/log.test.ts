import { Writable } from 'node:stream';
import * as fc from 'fast-check';
import t from 'tap';
import { type AccessLine, accessLine } from '../../src/control/access-line.ts';
import { LineOutput, MAX_WAITING_BYTES } from '../../src/control/line-output.ts';
import { Log } from '../../src/control/log.ts';
import { RecordPump, type RecordSource } from '../../src/control/record-pump.ts';
import type { AccessRecord, LogEvent, LogLevel } from '../../src/core/record.ts';
import { parseAddress } from '../../src/policy/address.ts';

const RECORD: AccessRecord = {
	timeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
	listener: 'game',
	peer: parseAddress('::ffff:10.0.0.1'),
	peerPort: 4000,
	client: parseAddress('2001:db8::1'),
	clientPort: 5000,
	country: 'DE',
	region: 'eu',
	sni: null,
	alpn: null,
	route: '1',
	pool: 'eu',
	backend: 'eu-1',
	attempts: 1,
	queuedMs: null,
	connectMs: 1.23456789,
	durationMs: 100,
	uploadBytes: 5,
	downloadBytes: 7,
	throttledMs: 0,
	tls: null,
	outcome: 'completed',
	detail: null,
};

/** A stream whose reader reads only when told to. */
function slowStream(highWaterMark = 1024) {
	const lines: string[] = [];
	let reading = true;
	let waiting: (() => void) | null = null;
	const stream = new Writable({
		highWaterMark,
		decodeStrings: false,
		write(chunk: string, _encoding, done) {
			lines.push(chunk);
			if (reading) done();
			else waiting = done;
		},
	});
	const read = (on: boolean): void => {
		reading = on;
		const resume = waiting;
		waiting = null;
		if (on) resume?.();
	};
	return { stream, lines, read };
}

function bench(level: LogLevel = 'info') {
	const { stream, lines, read } = slowStream();
	const output = new LineOutput(stream);
	const log = new Log({ output, onLog: null, onRecord: null }, level);
	const told = () => lines.join('').split('\n').slice(0, -1);
	const parsed = () => told().map((line) => JSON.parse(line));
	return { output, lines, read, log, parsed };
}

/** A ring of so many records. */
function ring(records: number, dropped = 0) {
	const source = {
		left: records,
		dropped,
		next: () => (source.left-- > 0 ? { access: RECORD } : null),
	};
	return source;
}

t.test('an access record has every field, absent ones null', (t) => {
	const { log, parsed } = bench();
	log.access(RECORD);
	t.strictSame(parsed(), [
		{
			level: 'info',
			time: '2026-01-02T03:04:05.678Z',
			listener: 'game',
			peer: '10.0.0.1:4000',
			client: '[2001:db8::1]:5000',
			country: 'DE',
			region: 'eu',
			sni: null,
			alpn: null,
			route: '1',
			pool: 'eu',
			backend: 'eu-1',
			attempts: 1,
			queuedMs: null,
			connectMs: 1.235,
			durationMs: 100,
			uploadBytes: 5,
			downloadBytes: 7,
			throttledMs: 0,
			tls: null,
			outcome: 'completed',
			detail: null,
			msg: 'session',
		},
	]);
	log.access({ ...RECORD, peer: null, client: null });
	t.match(parsed()[1], { peer: null, client: null });
	t.end();
});

t.test('a line has the members of the record that callbacks hear, in their order, whatever is in them', (t) => {
	const { log, lines } = bench();
	const nasty = 'a"b\\c\n\u0001\u2028é\ud800';
	const records: AccessRecord[] = [
		RECORD,
		{ ...RECORD, listener: nasty, sni: nasty, alpn: nasty, detail: nasty, tls: nasty, backend: nasty },
		{ ...RECORD, client: RECORD.peer, clientPort: RECORD.peerPort, timeMs: RECORD.timeMs + 1 },
		{ ...RECORD, client: RECORD.peer, clientPort: 1 },
		{ ...RECORD, client: parseAddress('10.0.0.2'), clientPort: RECORD.peerPort },
		{ ...RECORD, peer: null, client: null, country: null, region: null, route: null, pool: null, backend: null },
		{ ...RECORD, queuedMs: 0.0004, connectMs: null, durationMs: 1e9 + 1 / 3, throttledMs: 1e-9, uploadBytes: 2 ** 53 },
		RECORD,
	];
	for (const record of records) log.access(record);
	t.strictSame(
		lines,
		records.map((record) => `${JSON.stringify({ level: 'info', ...accessLine(record), msg: 'session' })}\n`),
	);
	t.end();
});

t.test('times are written as numbers are, to the microsecond', (t) => {
	const { log, lines } = bench();
	const expected = (durationMs: number): string =>
		`"durationMs":${JSON.stringify(accessLine({ ...RECORD, durationMs }).durationMs)},`;
	const tried = [
		0,
		1e-4,
		5e-4,
		0.999,
		0.9995,
		1e15 + 0.5,
		2 ** 53,
		1e21,
		1e300,
		-1.25,
		Number.NaN,
		Number.POSITIVE_INFINITY,
	];
	for (const ms of tried) {
		log.access({ ...RECORD, durationMs: ms });
		t.match(lines.pop(), expected(ms), `${ms}`);
	}
	const any = fc.oneof(
		fc.double(),
		fc.double({ min: 0, max: 1e6 }),
		fc.nat().map((n) => n / 1_000),
	);
	const wrong = fc.sample(any, 2_000).filter((durationMs) => {
		log.access({ ...RECORD, durationMs });
		return !lines.pop()?.includes(expected(durationMs));
	});
	t.strictSame(wrong, []);
	t.end();
});

t.test('texts from clients are not kept for ever, and are right however many there are', (t) => {
	const { log, parsed } = bench();
	const offers = Array.from({ length: 10_000 }, (_, i) => `proto-${i % 6_000}`);
	for (const alpn of offers) log.access({ ...RECORD, alpn });
	t.strictSame(
		parsed().map(({ alpn }) => alpn),
		offers,
	);
	t.end();
});

t.test('the level filters events, never access records nor what operators changed', (t) => {
	for (const [level, messages] of [
		['debug', ['debug', 'info', 'warn', 'error', 'audit', 'session']],
		['info', ['info', 'warn', 'error', 'audit', 'session']],
		['warn', ['warn', 'error', 'audit', 'session']],
		['error', ['error', 'audit', 'session']],
	] as const) {
		const heard: string[] = [];
		const { output, parsed } = bench();
		const log = new Log(
			{ output, onLog: (event) => heard.push(event.msg), onRecord: () => heard.push('session') },
			'info',
		);
		log.setLevel(level);
		log.debug('debug');
		log.info('info');
		log.warn('warn');
		log.error('error');
		log.audit('audit', { by: 'a test' });
		log.access(RECORD);
		t.strictSame(
			parsed().map((line) => line.msg),
			messages,
			level,
		);
		t.strictSame(heard, messages, `${level}, by callback`);
	}
	t.end();
});

t.test('an event is a line with time, level, fields and message', (t) => {
	const { log, parsed } = bench();
	log.info('listening', { listener: 'game', address: '0.0.0.0:7000' });
	const [line] = parsed();
	t.match(line, { level: 'info', listener: 'game', address: '0.0.0.0:7000', msg: 'listening' });
	t.ok(Math.abs(Date.parse(line.time) - Date.now()) < 60_000);
	t.end();
});

t.test('callbacks get the same without any output', (t) => {
	const events: LogEvent[] = [];
	const records: AccessLine[] = [];
	const log = new Log({ output: null, onLog: (e) => events.push(e), onRecord: (r) => records.push(r) }, 'info');
	log.warn('careful', { worker: 1 });
	log.access(RECORD);
	t.strictSame(events, [{ level: 'warn', msg: 'careful', fields: { worker: 1 } }]);
	t.match(records, [{ client: '[2001:db8::1]:5000', outcome: 'completed' }]);
	t.end();
});

t.test('the pump takes records and events in order', (t) => {
	const { log, parsed } = bench();
	const entries = [{ log: { level: 'warn', msg: 'first', fields: {} } as LogEvent }, { access: RECORD }];
	const source: RecordSource = { next: () => entries.shift() ?? null, dropped: 0 };
	t.equal(new RecordPump([source], log).turn(), false);
	t.strictSame(
		parsed().map((line) => line.msg),
		['first', 'session'],
	);
	t.end();
});

t.test('records of several workers are told in the order in which their sessions ended', (t) => {
	const { log, parsed } = bench();
	const source = (...times: number[]): RecordSource => ({
		next: () => {
			const timeMs = times.shift();
			return timeMs === undefined ? null : { access: { ...RECORD, timeMs, durationMs: timeMs } };
		},
		dropped: 0,
	});
	new RecordPump([source(2, 5, 6), source(), source(1, 3, 4, 7)], log).turn();
	t.strictSame(
		parsed().map((line) => line.durationMs),
		[1, 2, 3, 4, 5, 6, 7],
	);
	t.end();
});

t.test('a stuck reader stops the pump, and what was dropped meanwhile is told when it flows again', async (t) => {
	const { log, lines, read, parsed } = bench();
	read(false);
	const source = ring(1_000);
	const pump = new RecordPump([source], log);
	t.equal(pump.turn(), true);
	t.ok(source.left > 900, 'most of the ring waits in the ring');
	source.dropped = 42;
	for (let i = 0; i < 10; i++) pump.turn();
	t.ok(source.left > 900, 'and goes on waiting');
	t.notMatch(lines.join(''), /dropped/);
	read(true);
	await pump.finish(1_000);
	t.equal(parsed().filter((line) => line.msg === 'session').length, 1_000);
	t.match(parsed().at(-1), { msg: 'records dropped', level: 'warn', worker: 0, count: 42 });
	pump.turn();
	t.equal(parsed().filter((line) => line.msg === 'records dropped').length, 1, 'once');
});

t.test('one turn takes its share and no more', (t) => {
	const { log } = bench();
	const source = ring(5_000);
	t.equal(new RecordPump([source], log).turn(), true);
	t.equal(source.left, 3_000, 'what is left waits in the ring');
	t.end();
});

t.test('lines of the main thread are bounded too, and counted', (t) => {
	const { output, log, read } = bench();
	read(false);
	const text = 'x'.repeat(1_000);
	for (let i = 0; i < 1_000; i++) log.info(text);
	const lost = output.takeLost();
	t.ok(lost > 1_000 - MAX_WAITING_BYTES / 1_000 - 2 && lost < 1_000, `${lost} lost`);
	t.equal(output.takeLost(), 0);
	t.end();
});

t.test('a reader that went away does no harm', async (t) => {
	const { stream } = slowStream();
	const output = new LineOutput(stream);
	stream.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
	await new Promise((resolve) => setImmediate(resolve));
	output.write('anyone?\n');
	t.equal(output.blocked, false);
	await output.flush(1_000);
	t.equal(output.takeLost(), 0);
});

t.test('a full disk does no harm', (t) => {
	const stream = new Writable({
		write() {
			throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
		},
	});
	const output = new LineOutput(stream);
	output.write('line\n');
	t.equal(output.takeLost(), 1);
	t.end();
});
