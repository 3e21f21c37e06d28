import t from 'tap';
import { leavesNothing } from './support/leaks.ts';

t.test('100,000 sessions on epoll leave nothing behind', (t) => leavesNothing(t, 100_000, { clientsFirst: false }));
