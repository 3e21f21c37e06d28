import { test } from 'tap';
import { type AlertMessage, Courier, FIRING_PAUSE_MS, RETRY_PAUSES_MS } from '../../../src/control/alerts/courier.ts';

const news = (state: AlertMessage['state'], value = 1): AlertMessage => ({
	alert: 'a',
	state,
	when: 'ready == 0',
	value,
	since: '',
	time: '',
	host: 'h',
});

/** A courier whose webhook answers when told to. */
function house() {
	const sent: string[] = [];
	const failed: string[] = [];
	let answer: (fault: string | null) => void = () => {};
	const courier = new Courier(
		({ state }) => {
			sent.push(state);
			return new Promise((resolve) => {
				answer = resolve;
			});
		},
		(reason) => void failed.push(reason),
	);
	const answered = async (fault: string | null = null): Promise<void> => {
		answer(fault);
		await new Promise((resolve) => setImmediate(resolve));
	};
	return { courier, sent, failed, answered };
}

test('firing and resolved are told once each', async (t) => {
	const { courier, sent, answered } = house();
	t.equal(courier.delivery, 'none');
	courier.tell(news('firing'), 0);
	t.equal(courier.delivery, 'waiting');
	await answered();
	t.equal(courier.delivery, 'delivered');
	t.same([courier.told, courier.trouble], [{ state: 'firing', atMs: 0 }, null]);
	courier.tick(1_000);
	courier.tell(news('resolved'), 2_000);
	await answered();
	courier.tick(200_000);
	t.same(sent, ['firing', 'resolved']);
});

test('there is one request at a time, and what was over meanwhile is told after it', async (t) => {
	const { courier, sent, answered } = house();
	courier.tell(news('firing'), 0);
	courier.tell(news('resolved'), 1_000);
	courier.tick(2_000);
	t.same(sent, ['firing']);
	await answered();
	courier.tick(3_000);
	t.same(sent, ['firing', 'resolved']);
});

test('what flaps does not flood: firing is told once a minute, and what is over by then never', async (t) => {
	const { courier, sent, answered } = house();
	for (let second = 0; second <= 600; second++) {
		courier.tell(news(second % 2 === 0 ? 'firing' : 'resolved'), second * 1_000);
		await answered();
	}
	t.equal(sent.length, 2 * (600_000 / FIRING_PAUSE_MS) + 1);
	t.ok(
		sent.every((state, at) => state === (at % 2 === 0 ? 'firing' : 'resolved')),
		'in turn',
	);
});

test('an alert that fires again within the minute and stays is told after it', async (t) => {
	const { courier, sent, answered } = house();
	courier.tell(news('firing'), 0);
	await answered();
	courier.tell(news('resolved'), 5_000);
	await answered();
	courier.tell(news('firing'), 10_000);
	courier.tick(FIRING_PAUSE_MS - 1);
	t.equal(sent.length, 2);
	courier.tick(FIRING_PAUSE_MS);
	t.same(sent, ['firing', 'resolved', 'firing']);
});

test('a failure is tried again, later and later, and given up', async (t) => {
	const { courier, sent, failed, answered } = house();
	let nowMs = 0;
	courier.tell(news('firing'), nowMs);
	for (const [tries, pauseMs] of RETRY_PAUSES_MS.entries()) {
		await answered('ECONNREFUSED');
		courier.tick(nowMs + pauseMs - 1);
		t.equal(sent.length, tries + 1, `not before ${pauseMs} ms`);
		nowMs += pauseMs;
		courier.tick(nowMs);
		t.equal(sent.length, tries + 2);
	}
	t.same(failed, []);
	await answered('answered 500');
	t.same(failed, ['answered 500']);
	t.equal(courier.delivery, 'failed');
	t.equal(courier.told, null);
	t.equal(courier.trouble, 'answered 500');
	courier.tick(nowMs + 3_600_000);
	t.equal(sent.length, RETRY_PAUSES_MS.length + 1, 'no more');
	courier.tell(news('resolved'), nowMs + 3_600_000);
	t.equal(sent.at(-1), 'resolved', 'the next news are tried again');
});

test('news that came while a message failed take its place', async (t) => {
	const { courier, sent, answered } = house();
	courier.tell(news('firing'), 0);
	await answered('no answer within 5 s');
	courier.tell(news('resolved'), 500);
	await answered();
	courier.tick(100_000);
	t.same(sent, ['firing', 'resolved'], 'the first may have arrived all the same');
});
