import t from 'tap';
import { AF_UNIX, EPOLLET, EPOLLIN, SOCK_NONBLOCK, SOCK_STREAM } from '../../../src/engine/epoll/layouts.ts';
import { type FdOwner, Poller } from '../../../src/engine/epoll/poller.ts';
import { libc, put, socketPair, take } from '../../support/native-tools.ts';

interface Tap {
	teardown(end: () => void): void;
}

function pollerOf(t: Tap): Poller {
	const poller = new Poller(libc);
	t.teardown(() => void libc.close(poller.fd));
	return poller;
}

/** Hears events, and remembers on which descriptor. */
class Ear implements FdOwner {
	readonly heard: number[] = [];
	onEvents(fd: number): void {
		this.heard.push(fd);
	}
}

t.test('an event is told to the owner of its descriptor', async (t) => {
	const poller = pollerOf(t);
	const [one, two] = [socketPair(t), socketPair(t)];
	const [first, second] = [new Ear(), new Ear()];
	t.equal(poller.add(one.b, EPOLLIN, first), 0);
	t.equal(poller.add(two.b, EPOLLIN, second), 0);
	t.equal(poller.wait(0), 0, 'nothing yet');
	put(one.a, 'x');
	poller.tell(poller.wait(1_000));
	t.same([first.heard, second.heard], [[one.b], []]);
});

t.test('what cannot be watched answers its error number', async (t) => {
	const poller = pollerOf(t);
	t.equal(poller.add(1_000_000, EPOLLIN, new Ear()), -9);
	const { b } = socketPair(t);
	poller.add(b, EPOLLIN, new Ear());
	t.equal(poller.add(b, EPOLLIN, new Ear()), -17, 'EEXIST');
});

t.test('nothing is told after remove, and another hears after handOver', async (t) => {
	const poller = pollerOf(t);
	const { a, b } = socketPair(t);
	const [first, second] = [new Ear(), new Ear()];
	poller.add(b, EPOLLIN, first);
	poller.handOver(b, second);
	put(a, 'x');
	poller.tell(poller.wait(1_000));
	t.same([first.heard, second.heard], [[], [b]]);
	poller.remove(b);
	t.equal(poller.wait(0), 0);
});

t.test('an event on its way when its descriptor is closed reaches nobody', async (t) => {
	const poller = pollerOf(t);
	const { a, b } = socketPair(t);
	const ear = new Ear();
	poller.add(b, EPOLLIN, ear);
	put(a, 'x');
	const count = poller.wait(1_000);
	poller.forget(b);
	poller.tell(count);
	t.same(ear.heard, []);
	t.equal(poller.stale, 1);
});

const ROUNDS = 20_000;

t.test(
	'a descriptor that is closed and given to another while its event is on its way: the other never hears it',
	async (t) => {
		const poller = pollerOf(t);
		const bystander = socketPair(t);
		let wrong = 0;
		let reused = 0;
		let told = 0;
		for (let round = 0; round < ROUNDS; round++) {
			const pair = libc.socketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
			if (typeof pair === 'number') throw new Error('no descriptors');
			const [writer, old] = pair;
			poller.add(old, EPOLLIN | EPOLLET, { onEvents: () => (wrong += 1) });
			put(writer, 'x');
			const count = poller.wait(1_000);
			poller.forget(old);
			libc.close(old);
			libc.close(writer);
			const next = libc.socketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
			if (typeof next === 'number') throw new Error('no descriptors');
			if (next.includes(old)) reused += 1;
			for (const fd of next) poller.add(fd, EPOLLIN | EPOLLET, { onEvents: () => (wrong += 1) });
			poller.tell(count);
			if (round % 100 === 0) {
				const ear = { onEvents: () => (told += 1) };
				poller.add(bystander.b, EPOLLIN, ear);
				put(bystander.a, 'x');
				poller.tell(poller.wait(1_000));
				take(bystander.b);
				poller.remove(bystander.b);
			}
			for (const fd of next) {
				poller.forget(fd);
				libc.close(fd);
			}
		}
		t.equal(reused, ROUNDS, 'the descriptor was given out again each time');
		t.equal(wrong, 0, 'and nobody heard what was meant for its former owner');
		t.equal(poller.stale, ROUNDS);
		t.equal(told, ROUNDS / 100, 'while others hear what is theirs');
	},
);

t.test('a table without generations would tell it to the other: the check can fail', async (t) => {
	const poller = pollerOf(t);
	const [writer, old] = libc.socketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK) as readonly [number, number];
	const ear = new Ear();
	poller.add(old, EPOLLIN | EPOLLET, new Ear());
	put(writer, 'x');
	const count = poller.wait(1_000);
	// What a table that only names the owner of a descriptor does.
	poller.handOver(old, ear);
	poller.tell(count);
	t.same(ear.heard, [old]);
	for (const fd of [writer, old]) libc.close(fd);
});

t.test('descriptors beyond the first thousand have their place', async (t) => {
	const poller = pollerOf(t);
	const pairs = Array.from({ length: 700 }, () => socketPair(t));
	const ear = new Ear();
	for (const { b } of pairs) poller.add(b, EPOLLIN, ear);
	for (const { a } of pairs) put(a, 'x');
	for (let turns = 0; turns < 10 && ear.heard.length < 700; turns++) {
		poller.tell(poller.wait(0));
		for (const fd of ear.heard) take(fd);
	}
	t.equal(new Set(ear.heard).size, 700);
	t.equal(poller.stale, 0);
});
