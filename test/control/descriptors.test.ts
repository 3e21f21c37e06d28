import t from 'tap';
import { capFault, defaultMaxConnections, nofileLimit, parseNofile } from '../../src/control/descriptors.ts';

t.test('the soft limit is read from the table of the kernel', (t) => {
	const table = (soft: string): string =>
		`Limit                     Soft Limit           Hard Limit           Units     \nMax cpu time              unlimited            unlimited            seconds   \nMax open files            ${soft}                 524288               files     \n`;
	for (const [text, limit] of [
		[table('1024'), 1024],
		[table('unlimited'), Number.POSITIVE_INFINITY],
		['', null],
	] as const) {
		t.equal(parseNofile(text), limit);
	}
	t.ok(nofileLimit() > 0, 'and there is one here');
	t.end();
});

t.test('two descriptors for each session, after a reserve', (t) => {
	for (const [nofile, places] of [
		[1024, 384],
		[20_000, 9872],
		[100, 1],
		[Number.POSITIVE_INFINITY, 2 ** 30],
	] as const) {
		t.equal(defaultMaxConnections(nofile, 0), places, String(nofile));
	}
	t.equal(defaultMaxConnections(1024, 64), 320, 'and for each pipe');
	t.end();
});

t.test('a cap that needs more than there is names both numbers', async (t) => {
	t.equal(capFault(undefined, 1_024, 0), null);
	t.equal(capFault(384, 1_024, 0), null);
	t.equal(
		capFault(385, 1_024, 0),
		'limits.maxConnections: 385 sessions need 1026 open files, the limit (ulimit -n) is 1024: 384 fit',
	);
	t.match(capFault(384, 1_024, 64), /384 sessions need 1152 open files, .* is 1024: 320 fit/);
	t.equal(capFault(1_000_000, Number.POSITIVE_INFINITY, 128), null);
});
