import * as z from 'zod';
import { configSchema } from './schema.ts';

/** A JSON Schema (2020-12) node with what `about` and the fields add to it. */
export interface SchemaNode {
	readonly description?: string;
	readonly type?: string;
	readonly properties?: Readonly<Record<string, SchemaNode>>;
	readonly required?: readonly string[];
	readonly additionalProperties?: boolean | SchemaNode;
	readonly items?: SchemaNode;
	readonly anyOf?: readonly SchemaNode[];
	readonly enum?: readonly string[];
	readonly minimum?: number;
	readonly maximum?: number;
	readonly default?: unknown;
	readonly example?: unknown;
	readonly unit?: string;
	readonly absent?: string;
}

/** The language as a tree, with our own keywords `example`, `unit` and `absent`; the reference is made from it. */
export function schemaTree(): SchemaNode {
	return z.toJSONSchema(configSchema, { io: 'input' }) as SchemaNode;
}

/** The JSON Schema of a configuration file as it is written, for editors: standard keywords only. */
export function configJsonSchema(): object {
	return z.toJSONSchema(configSchema, {
		io: 'input',
		override: ({ jsonSchema }) => {
			const { example } = jsonSchema;
			if (example !== undefined) jsonSchema.examples = [example as z.core.JSONSchema.JSONSchema];
			for (const own of ['example', 'unit', 'absent']) delete jsonSchema[own];
		},
	});
}
