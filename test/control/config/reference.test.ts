import { readFileSync } from 'node:fs';
import t from 'tap';
import { configJsonSchema, type SchemaNode, schemaTree } from '../../../src/control/config/json-schema.ts';
import { parseConfigObject } from '../../../src/control/config/load.ts';
import { allKeys, renderReference } from '../../../src/control/config/reference.ts';

t.test('config/REFERENCE.md is what the schema says (else: npm run reference)', async (t) => {
	const written = readFileSync(new URL('../../../config/REFERENCE.md', import.meta.url), 'utf8');
	t.equal(written, renderReference());
});

t.test('every key has a meaning and an example', async (t) => {
	const bare = nodesOf('', schemaTree()).filter(([, node]) => !node.description || node.example === undefined);
	t.same(
		bare.map(([path]) => path),
		[],
	);
	t.ok(allKeys().length > 50, 'keys were found');
	t.equal(new Set(allKeys()).size, allKeys().length, 'each once');
});

t.test('every example of a key is itself accepted at its place', async (t) => {
	const top = schemaTree().properties ?? {};
	for (const [key, { example }] of Object.entries(top)) {
		t.doesNotThrow(() => parseConfigObject({ ...complete, [key]: example }), key);
	}
	for (const [key, { example }] of Object.entries(top.listeners?.items?.properties ?? {})) {
		t.doesNotThrow(
			() => parseConfigObject({ ...complete, listeners: [{ ...listener, [key]: example }] }),
			`listeners[].${key}`,
		);
	}
	for (const [key, { example }] of Object.entries(top.pools?.items?.properties ?? {})) {
		const pools = [
			{ ...pool, ...(key === 'proxyTlvs' && { proxyProtocol: 'v2' }), [key]: example },
			{ ...pool, name: 'us' },
		];
		t.doesNotThrow(() => parseConfigObject({ ...complete, pools }), `pools[].${key}`);
	}
});

t.test('the JSON Schema describes what is written, with standard keywords only', async (t) => {
	const text = JSON.stringify(configJsonSchema());
	t.match(text, /"\$schema":"https:\/\/json-schema\.org\/draft\/2020-12\/schema"/);
	t.notMatch(text, /"(example|unit|absent)":/);
	const schema = configJsonSchema() as SchemaNode & {
		readonly properties: Record<string, { default?: unknown; examples?: unknown }>;
	};
	t.same(schema.required, ['listeners', 'pools']);
	t.equal(schema.additionalProperties, false);
	t.equal(schema.properties.drain?.default, '30s');
	t.same(schema.properties.drain?.examples, ['2m']);
});

const listener = { name: 'game', bind: '127.0.0.1:7000', routes: [{ to: ['eu'] }] };
const pool = { name: 'eu', backends: [{ address: '10.1.0.1:7000' }] };
const complete = {
	geo: { regions: { eu: { continents: ['europe'] } } },
	listeners: [listener],
	pools: [pool, { ...pool, name: 'us' }],
};

function nodesOf(path: string, node: SchemaNode): [string, SchemaNode][] {
	const own = Object.entries(node.properties ?? {}).flatMap(([key, child]): [string, SchemaNode][] => [
		[`${path}.${key}`, child],
		...nodesOf(`${path}.${key}`, child),
	]);
	const named = typeof node.additionalProperties === 'object' ? [node.additionalProperties] : [];
	const inner = [...(node.items === undefined ? [] : [node.items]), ...named, ...(node.anyOf ?? [])];
	return [...own, ...inner.flatMap((child) => nodesOf(path, child))];
}
