import t from 'tap';
import { Roster, type RosterEntry } from '../../src/engine/roster.ts';

class Member implements RosterEntry<Member> {
	older: Member | null = null;
	newer: Member | null = null;
	readonly name: string;

	constructor(name: string) {
		this.name = name;
	}
}

function rosterOf(...names: string[]): { roster: Roster<Member>; members: Member[] } {
	const roster = new Roster<Member>();
	const members = names.map((name) => new Member(name));
	for (const member of members) roster.add(member);
	return { roster, members };
}

const namesIn = (roster: Roster<Member>): string => [...roster].map(({ name }) => name).join('');

/** Who leaves, and who is left then. */
const LEAVING: readonly (readonly [string, string])[] = [
	['a', 'bcd'],
	['b', 'acd'],
	['d', 'abc'],
	['ad', 'bc'],
	['abcd', ''],
	['dcba', ''],
	['bc', 'ad'],
];

for (const [leaving, left] of LEAVING) {
	t.test(`of abcd, when ${leaving} leave, there are ${left === '' ? 'none' : left}, oldest first`, async (t) => {
		const { roster, members } = rosterOf('a', 'b', 'c', 'd');
		for (const name of leaving) {
			const member = members.find((one) => one.name === name);
			if (member !== undefined) roster.remove(member);
		}
		t.equal(namesIn(roster), left);
		t.equal(roster.size, left.length);
		roster.add(new Member('e'));
		t.equal(namesIn(roster), `${left}e`);
	});
}

t.test('who has left points at nobody: an old one would keep all that came after it from the collector', async (t) => {
	const { roster, members } = rosterOf('a', 'b', 'c');
	for (const member of members) roster.remove(member);
	t.same(
		members.map(({ older, newer }) => [older, newer]),
		members.map(() => [null, null]),
	);
});

t.test('who walks along steps over those who leave meanwhile, and meets those who come', async (t) => {
	const { roster, members } = rosterOf('a', 'b', 'c', 'd');
	const [a, b, c] = members;
	const met: string[] = [];
	for (const member of roster) {
		met.push(member.name);
		if (member === a && b !== undefined && c !== undefined) {
			roster.remove(member);
			roster.remove(b);
			roster.remove(c);
			roster.add(new Member('e'));
		}
	}
	t.same(met, ['a', 'd', 'e']);
});

t.test('two walk at their own pace, and one that is given up is forgotten', async (t) => {
	const { roster, members } = rosterOf('a', 'b', 'c');
	const slow = roster[Symbol.iterator]();
	t.equal(slow.next().value?.name, 'a');
	t.equal(namesIn(roster), 'abc');
	for (const _ of roster) break;
	for (const member of members.slice(0, 2)) roster.remove(member);
	t.equal(slow.next().value?.name, 'c');
	t.equal(slow.next().done, true);
});
