import { stringify } from 'yaml';
import { type SchemaNode, schemaTree } from './json-schema.ts';
import { markdownTable } from './markdown-table.ts';
import { ADMIN_NOTES } from './reference-admin.ts';
import {
	ALERT_NOTES,
	GEO_NOTES,
	HEALTH_NOTES,
	HISTORY_NOTES,
	NODE_ENGINE_LIMITS,
	PROXY_NOTES,
	REFERENCE_INTRODUCTION,
	SHAPING_NOTES,
	SIZING_NOTES,
	TLS_NOTES,
} from './reference-texts.ts';

/** `config/REFERENCE.md`, whole: a table for each section of the file, then what tables cannot say. */
export function renderReference(): string {
	const sections = sectionsOf('', schemaTree()).map(renderSection);
	return `${[REFERENCE_INTRODUCTION, ...sections, ...NOTES].join('\n\n')}\n`;
}

const NOTES = [
	SIZING_NOTES,
	SHAPING_NOTES,
	HEALTH_NOTES,
	GEO_NOTES,
	TLS_NOTES,
	PROXY_NOTES,
	ADMIN_NOTES,
	ALERT_NOTES,
	HISTORY_NOTES,
	NODE_ENGINE_LIMITS,
];

/** Every key with its full name, e.g. `listeners[].routes[].to` and `geo.regions.NAME.countries`. */
export function allKeys(): string[] {
	return sectionsOf('', schemaTree()).flatMap((section) => keysOf(section).map(([path]) => path));
}

interface Section {
	/** Empty for the top of the file. */
	readonly path: string;
	readonly node: SchemaNode;
}

const keysOf = ({ path, node }: Section): [string, SchemaNode][] =>
	Object.entries(node.properties ?? {}).map(([key, child]) => [path === '' ? key : `${path}.${key}`, child]);

/** A node that has keys, and all such below it, in the order of the schema. */
function sectionsOf(path: string, node: SchemaNode): Section[] {
	const self = node.properties === undefined ? [] : [{ path, node }];
	const below = Object.entries(node.properties ?? {}).flatMap(([key, child]) =>
		sectionsOf(path === '' ? key : `${path}.${key}`, child),
	);
	const items = node.items === undefined ? [] : sectionsOf(`${path}[]`, node.items);
	const named =
		typeof node.additionalProperties === 'object' ? sectionsOf(`${path}.NAME`, node.additionalProperties) : [];
	// Of what has a unit, the table of units tells the forms.
	const forms = node.unit === undefined ? (node.anyOf ?? []).flatMap((form) => sectionsOf(path, form)) : [];
	return [...self, ...below, ...items, ...named, ...forms];
}

const HEAD = ['key', 'meaning', 'unit', 'default', 'example'];

function renderSection(section: Section): string {
	const title = section.path === '' ? 'The file' : `\`${section.path}\``;
	const rows = keysOf(section).map(([path, child]) => {
		const key = path.slice(path.lastIndexOf('.') + 1);
		const required = section.node.required?.includes(key) === true;
		return [`\`${key}\``, child.description ?? '', unitOf(child), defaultOf(child, required), code(child.example)];
	});
	return `## ${title}\n\n${markdownTable([HEAD, ...rows])}`;
}

function unitOf(node: SchemaNode): string {
	if (node.unit !== undefined) return node.unit;
	if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(unitOf))].join(' or ');
	if (node.enum !== undefined) return node.enum.map((value) => `\`${value}\``).join(', ');
	if (node.type === 'integer') return `number, ${node.minimum} to ${node.maximum}`;
	if (node.type === 'array') return `list of ${node.items === undefined ? 'values' : unitOf(node.items)}`;
	return { boolean: '`true` or `false`', object: 'keys', string: 'name' }[node.type ?? ''] ?? '';
}

function defaultOf(node: SchemaNode, required: boolean): string {
	if (required) return 'required';
	if (node.absent !== undefined) return node.absent;
	if (node.properties !== undefined && isEmptyObject(node.default)) return 'as below';
	if (Array.isArray(node.default) && node.default.length === 0) return 'none';
	if (isEmptyObject(node.default)) return 'none';
	return node.default === undefined ? 'none' : code(node.default);
}

const isEmptyObject = (value: unknown): boolean =>
	typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** A value as one would write it in the file, on one line. */
function code(value: unknown): string {
	const yaml = stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: true });
	return `\`${yaml.trim()}\``;
}
