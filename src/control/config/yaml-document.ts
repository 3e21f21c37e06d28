import {
	type Document,
	isAlias,
	isCollection,
	isMap,
	isNode,
	isScalar,
	isSeq,
	LineCounter,
	type Node,
	type Pair,
	parseDocument,
	visit,
	type YAMLMap,
} from 'yaml';
import { errorText } from '../../core/errors.ts';
import { quote } from './wording.ts';

/** A fault at a place of the tree; `onKey` when the key itself is at fault, not its value. */
export interface Finding {
	readonly path: readonly PropertyKey[];
	readonly message: string;
	readonly onKey?: boolean;
}

/** Where in the text, both from 1. */
export interface Position {
	readonly line: number;
	readonly column: number;
}

export interface SyntaxFault extends Position {
	readonly message: string;
}

/** Aliases may refer to what is written once; these caps keep a small file from becoming a huge tree. */
const MAX_ALIASES = 100;
const MAX_VALUES = 500_000;
const MAX_DEPTH = 64;

/** Where the parser's message speaks to programmers, or not of configurations. */
const OWN_WORDS: Readonly<Record<string, string>> = {
	MULTIPLE_DOCS: 'a second document begins: a configuration is one',
	RESOURCE_EXHAUSTION: 'nested too deeply',
	TAG_RESOLVE_FAILED: 'unknown tag',
};

/** A YAML 1.2 (or JSON) text: its value, and where each value was written. */
export class YamlText {
	readonly faults: readonly SyntaxFault[];
	/** Undefined when there are faults. */
	readonly value: unknown;
	private readonly document: Document;
	private readonly lines = new LineCounter();
	private readonly pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

	/** @throws RangeError when the text nests so deeply that the parser's stack ends. */
	constructor(text: string) {
		this.document = parseDocument(text, { lineCounter: this.lines, prettyErrors: false, uniqueKeys: false });
		const faults = [...this.document.errors, ...this.document.warnings].map((error) => ({
			...this.at(error.pos[0]),
			message: OWN_WORDS[error.code] ?? error.message.replace(/\s+/g, ' ').slice(0, 200),
		}));
		faults.push(...this.ownFaults());
		if (faults.length === 0) this.value = this.expand(faults);
		this.faults = faults;
	}

	/** The place of a finding; of something missing, the place of what it is missing from. */
	locate(finding: Finding): Position {
		let node = this.document.contents as Node | null;
		let offset = node?.range?.[0] ?? 0;
		for (const [depth, segment] of finding.path.entries()) {
			const step = this.step(node, segment);
			if (step === null) break;
			const wantsKey = finding.onKey === true && depth === finding.path.length - 1;
			offset = (wantsKey ? step.keyOffset : undefined) ?? step.node?.range?.[0] ?? step.keyOffset ?? offset;
			node = step.node;
		}
		return this.at(offset);
	}

	private step(from: Node | null, segment: PropertyKey): { node: Node | null; keyOffset: number | undefined } | null {
		const node = isAlias(from) ? (from.resolve(this.document) ?? null) : from;
		if (isSeq(node)) {
			const item = node.items[Number(segment)];
			return isNode(item) ? { node: item, keyOffset: undefined } : null;
		}
		const pair = isMap(node) ? this.pairsOf(node).get(String(segment)) : undefined;
		if (pair === undefined) return null;
		return {
			node: isNode(pair.value) ? pair.value : null,
			keyOffset: isNode(pair.key) ? pair.key.range?.[0] : undefined,
		};
	}

	/** By key, so that many findings in one large map stay cheap. */
	private pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
		const known = this.pairs.get(map);
		if (known !== undefined) return known;
		const made = new Map(map.items.map((pair) => [String(pair.key), pair]));
		this.pairs.set(map, made);
		return made;
	}

	/**
	 * What the parser lets pass: `__proto__` is no key of anything, and objects would swallow it silently; an alias
	 * must have an anchor before it; a key may be given once (the parser's own check is quadratic).
	 */
	private ownFaults(): SyntaxFault[] {
		const found: SyntaxFault[] = [];
		const add = (node: Node, message: string): void => {
			found.push({ ...this.at(node.range?.[0] ?? 0), message });
		};
		const anchors = new Set<string>();
		visit(this.document, (_, node) => {
			if (isAlias(node) && !anchors.has(node.source))
				add(node, `no anchor ${quote(`&${node.source}`)} before this alias`);
			if ((isCollection(node) || isScalar(node)) && node.anchor !== undefined) anchors.add(node.anchor);
			if (isMap(node)) for (const { key, fault } of keyFaults(node)) add(key, fault);
		});
		return found;
	}

	private expand(faults: SyntaxFault[]): unknown {
		try {
			const value: unknown = this.document.toJS({ maxAliasCount: MAX_ALIASES });
			const fault = sizeFault(value);
			if (fault === null) return value;
			faults.push({ line: 1, column: 1, message: fault });
		} catch (error) {
			if (error instanceof RangeError) throw error;
			faults.push({ line: 1, column: 1, message: `aliases cannot be expanded: ${errorText(error)}` });
		}
		return undefined;
	}

	private at(offset: number): Position {
		const { line, col } = this.lines.linePos(offset);
		return { line: Math.max(line, 1), column: Math.max(col, 1) };
	}
}

function keyFaults({ items }: YAMLMap): { key: Node; fault: string }[] {
	const seen = new Set<string>();
	return items.flatMap(({ key }) => {
		if (!isNode(key)) return [];
		const text = String(key);
		const fault = text === '__proto__' ? 'unknown key "__proto__"' : `key ${quote(text)} is given twice`;
		if (text !== '__proto__' && !seen.has(text)) {
			seen.add(text);
			return [];
		}
		return [{ key, fault }];
	});
}

/** What makes a tree too large to check, or null. Aliases count each time; one that contains itself never ends. */
export function sizeFault(root: unknown): string | null {
	let values = 0;
	const pending: { value: unknown; depth: number }[] = [{ value: root, depth: 0 }];
	for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
		const { value, depth } = next;
		if (depth > MAX_DEPTH) return `nested more than ${MAX_DEPTH} levels deep`;
		if (++values > MAX_VALUES) return `more than ${MAX_VALUES} values, aliases expanded`;
		if (typeof value !== 'object' || value === null) continue;
		for (const child of Object.values(value)) pending.push({ value: child, depth: depth + 1 });
	}
	return null;
}
