import t from 'tap';
import { isLiteral, type Lookup, Resolver } from '../../src/control/resolve.ts';

/** A resolver with timers that run by hand and answers that tests set. */
function bench() {
	const answers = new Map<string, readonly string[] | Error>();
	const asked: string[] = [];
	const timers: { ms: number; run: () => void }[] = [];
	const events: string[] = [];
	const lookup: Lookup = async (host) => {
		asked.push(host);
		const answer = answers.get(host) ?? new Error('ENOTFOUND');
		if (answer instanceof Error) throw answer;
		return answer;
	};
	const resolver = new Resolver({
		lookup,
		every: (ms, run) => {
			const timer = { ms, run };
			timers.push(timer);
			return () => timers.splice(timers.indexOf(timer), 1);
		},
		after: () => () => {},
		changed: () => events.push('changed'),
		failed: (host, reason) => events.push(`failed ${host}: ${reason}`),
	});
	const tick = async (): Promise<void> => {
		for (const timer of [...timers]) timer.run();
		await new Promise((resolve) => setImmediate(resolve));
	};
	return { answers, asked, timers, events, resolver, tick };
}

const WITHIN_MS = 2_000;
const DB = [{ host: 'db', everyMs: 30_000 }];

t.test('a name gives all its addresses, sorted and once each', async (t) => {
	const { answers, resolver } = bench();
	answers.set('db', ['10.0.0.2', '10.0.0.1', '10.0.0.2']);
	await resolver.prepare(DB, WITHIN_MS);
	t.strictSame(resolver.answers.get('db'), ['10.0.0.1', '10.0.0.2']);
});

t.test('preparing asks for new names only', async (t) => {
	const { answers, asked, resolver } = bench();
	answers.set('db', ['10.0.0.1']).set('cache', ['10.0.0.9']);
	await resolver.prepare(DB, WITHIN_MS);
	await resolver.prepare([...DB, { host: 'cache', everyMs: 1 }, { host: 'cache', everyMs: 2 }], WITHIN_MS);
	t.strictSame(asked, ['db', 'cache']);
});

t.test('a changed answer is reported, the same one in another order is not', async (t) => {
	const { answers, events, resolver, tick } = bench();
	answers.set('db', ['10.0.0.1', '10.0.0.2']);
	await resolver.prepare(DB, WITHIN_MS);
	resolver.watch(DB);
	answers.set('db', ['10.0.0.2', '10.0.0.1']);
	await tick();
	t.strictSame(events, []);
	answers.set('db', ['10.0.0.3']);
	await tick();
	t.strictSame(events, ['changed']);
	t.strictSame(resolver.answers.get('db'), ['10.0.0.3']);
});

t.test('a failed or empty lookup keeps the last answer and is reported once until it works again', async (t) => {
	const { answers, events, resolver, tick } = bench();
	answers.set('db', ['10.0.0.1']);
	await resolver.prepare(DB, WITHIN_MS);
	resolver.watch(DB);
	answers.set('db', new Error('SERVFAIL'));
	await tick();
	answers.set('db', []);
	await tick();
	t.strictSame(events, ['failed db: SERVFAIL']);
	t.strictSame(resolver.answers.get('db'), ['10.0.0.1']);
	answers.set('db', ['10.0.0.1']);
	await tick();
	answers.set('db', new Error('SERVFAIL'));
	await tick();
	t.strictSame(events, ['failed db: SERVFAIL', 'failed db: SERVFAIL']);
});

t.test('a name that appears later is a change', async (t) => {
	const { answers, events, resolver, tick } = bench();
	await resolver.prepare(DB, WITHIN_MS);
	t.equal(resolver.answers.has('db'), false);
	resolver.watch(DB);
	answers.set('db', ['10.0.0.1']);
	await tick();
	t.strictSame(events, ['failed db: ENOTFOUND', 'changed']);
});

t.test(
	'a name that does not answer in time is told of, waited for no longer, and a change when it comes',
	async (t) => {
		const late = Promise.withResolvers<readonly string[]>();
		const events: string[] = [];
		const timers = new Map<() => void, number>();
		const resolver = new Resolver({
			lookup: (host) => (host === 'slow' ? late.promise : Promise.resolve(['10.0.0.1'])),
			every: () => () => {},
			after: (ms, run) => {
				timers.set(run, ms);
				return () => void timers.delete(run);
			},
			changed: () => events.push('changed'),
			failed: (host, reason) => events.push(`failed ${host}: ${reason}`),
		});
		const prepared = resolver.prepare([...DB, { host: 'slow', everyMs: 1 }], WITHIN_MS);
		await new Promise((resolve) => setImmediate(resolve));
		t.strictSame([...timers.values()], [WITHIN_MS]);
		for (const run of timers.keys()) run();
		await prepared;
		t.strictSame(events, ['failed slow: no answer within 2000 ms']);
		t.strictSame([...resolver.answers.keys()], ['db']);
		t.equal(timers.size, 0);
		late.resolve(['10.0.0.2']);
		await new Promise((resolve) => setImmediate(resolve));
		t.strictSame(events.slice(1), ['changed']);
		t.strictSame(resolver.answers.get('slow'), ['10.0.0.2']);
	},
);

t.test('the shortest interval of a name counts, and names no longer watched are forgotten', async (t) => {
	const { answers, timers, resolver } = bench();
	answers.set('db', ['10.0.0.1']).set('cache', ['10.0.0.9']);
	await resolver.prepare([...DB, { host: 'cache', everyMs: 1 }], WITHIN_MS);
	resolver.watch([...DB, { host: 'db', everyMs: 5_000 }]);
	t.strictSame(
		timers.map((timer) => timer.ms),
		[5_000],
	);
	t.strictSame([...resolver.answers.keys()], ['db']);
	resolver.stop();
	t.equal(timers.length, 0);
});

t.test('addresses need no lookup', (t) => {
	for (const [host, literal] of [
		['10.0.0.1', true],
		['::1', true],
		['db.internal', false],
		['10.0.0', false],
	] as const) {
		t.equal(isLiteral(host), literal, host);
	}
	t.end();
});
