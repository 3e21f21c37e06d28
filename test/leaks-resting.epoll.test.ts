import t from 'tap';
import { leavesNothing } from './support/leaks.ts';

t.test('nor do 20,000 over sockets that are used again and again', (t) =>
	leavesNothing(t, 20_000, { clientsFirst: true }),
);
