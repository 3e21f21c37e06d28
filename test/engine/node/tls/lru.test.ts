import t from 'tap';
import { Lru } from '../../../../src/engine/node/tls/lru.ts';

t.test('the least recently used goes first', async (t) => {
	const lru = new Lru<string, number>(2);
	lru.set('a', 1);
	lru.set('b', 2);
	t.equal(lru.get('a'), 1);
	lru.set('c', 3);
	t.same([lru.get('a'), lru.get('b'), lru.get('c'), lru.size], [1, undefined, 3, 2]);
});

t.test('one that is set again is one entry', async (t) => {
	const lru = new Lru<string, number>(2);
	for (const value of [1, 2, 3]) lru.set('a', value);
	lru.set('b', 4);
	t.same([lru.get('a'), lru.get('b'), lru.size], [3, 4, 2]);
});

t.test('entries are dropped by key or by what they are', async (t) => {
	const lru = new Lru<string, number>(9);
	for (const [key, value] of Object.entries({ a: 1, b: 2, c: 3 })) lru.set(key, value);
	lru.delete('a');
	lru.deleteWhere((_, value) => value > 2);
	t.same([lru.get('a'), lru.get('b'), lru.get('c'), lru.size], [undefined, 2, undefined, 1]);
});
