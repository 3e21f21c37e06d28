import t from 'tap';
import { byPlace, together } from '../../../src/control/config/together.ts';
import { ConfigError } from '../../../src/core/errors.ts';

const problem = (line: number, column: number, message: string) => ({
	file: 'x.yaml',
	line,
	column,
	path: '',
	message,
});
const fault = (...problems: ReturnType<typeof problem>[]): Promise<never> => Promise.reject(new ConfigError(problems));

t.test('two good readings are both answered', async (t) => {
	t.same(await together(Promise.resolve(1), Promise.resolve('a')), [1, 'a']);
});

t.test('the faults of both are told in the order of their places', async (t) => {
	const both = together(fault(problem(3, 1, 'c'), problem(5, 9, 'e')), fault(problem(5, 2, 'd'), problem(1, 7, 'a')));
	await t.rejects(both, { name: 'ConfigError', message: 'x.yaml:1:7: a\nx.yaml:3:1: c\nx.yaml:5:2: d\nx.yaml:5:9: e' });
	await t.rejects(together(Promise.resolve(1), fault(problem(1, 1, 'only'))), { message: 'x.yaml:1:1: only' });
});

t.test('what is no fault of the configuration is told alone', async (t) => {
	await t.rejects(together(fault(problem(1, 1, 'a')), Promise.reject(new Error('broken'))), /x\.yaml:1:1: a/);
	await t.rejects(together(Promise.reject(new Error('broken')), fault(problem(1, 1, 'a'))), /^broken$/);
});

t.test('problems go by line, then by column', async (t) => {
	t.same(
		byPlace([problem(2, 1, 'c'), problem(1, 9, 'b'), problem(1, 2, 'a')]).map(({ message }) => message),
		['a', 'b', 'c'],
	);
});
