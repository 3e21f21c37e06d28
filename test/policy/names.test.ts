import t from 'tap';
import { hasName, matchesName } from '../../src/policy/names.ts';

t.test('a wildcard stands for one label, and for nothing but a label', async (t) => {
	const cases: [pattern: string, name: string, matches: boolean][] = [
		['a.example', 'a.example', true],
		['a.example', 'b.example', false],
		['*.example', 'a.example', true],
		['*.example', '*.example', true],
		['*.example', 'example', false],
		['*.example', '.example', false],
		['*.example', 'a.b.example', false],
		['*.b.example', 'a.b.example', true],
		['*.example', 'a.example.', false],
		['*.example', 'somebody@a.example', false],
		['*.a.example', 'somebody@b.a.example', false],
		['*.devices.example', 'https://evil/x.devices.example', false],
		['spiffe://a.example/x', 'spiffe://a.example/x', true],
		['somebody@a.example', 'somebody@a.example', true],
	];
	for (const [pattern, name, matches] of cases) t.equal(matchesName(pattern, name), matches, `${pattern} ${name}`);
});

t.test('a set of names has them exactly, or by their parents', async (t) => {
	const names = { exact: new Set(['a.example', 'eu.example']), parents: new Set(['eu.example']) };
	const cases: [name: string, has: boolean][] = [
		['a.example', true],
		['eu.example', true],
		['x.eu.example', true],
		['x.y.eu.example', false],
		['example', false],
		['.eu.example', false],
		['b.example', false],
		['', false],
	];
	for (const [name, has] of cases) t.equal(hasName(names, name), has, name);
});
