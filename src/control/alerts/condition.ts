import { type Parsed, parsed, wrong } from '../config/units.ts';
import { quote, unknown } from '../config/wording.ts';
import { METRICS, type MetricName, type MetricTerms } from '../metrics/names.ts';

/** What has metrics of its own; the first words of a condition about one of it are its kind and its name. */
export const PLACE_KINDS = ['listener', 'region', 'pool', 'backend'] as const;
export type PlaceKind = (typeof PLACE_KINDS)[number];

const OPERATORS = ['<', '<=', '>', '>=', '==', '!='] as const;
export type Operator = (typeof OPERATORS)[number];

/** What an alert waits for: `METRIC OP NUMBER`. */
export interface Condition {
	readonly metric: MetricName;
	/** The place it is about; of a backend, the name is `pool/backend`. Null: the process, or every place. */
	readonly place: { readonly kind: PlaceKind; readonly name: string } | null;
	/** Values that labels must have, by label; those of the place are among them. */
	readonly labels: Readonly<Record<string, string>>;
	/** What only rises is compared by what it rises each second. */
	readonly perSecond: boolean;
	readonly operator: Operator;
	readonly threshold: number;
}

const terms: Readonly<Record<string, MetricTerms>> = METRICS;
/** A histogram has no single value. */
const COMPARED = Object.keys(METRICS).filter((name) => terms[name]?.type !== 'histogram') as MetricName[];

/** Numbers as in JSON, without an exponent. */
const NUMBER = /^-?\d+(\.\d+)?$/;
/** Longer ones are no condition; bounds the work of the pattern, too. */
const MAX_LENGTH = 400;
const WORD = /\s*(?:([a-z_]+=)?"([^"]*)"|([^\s"]+))/y;

/**
 * Reads `pool eu healthy < 0.5`, `backend eu/eu-1 up == 0`, `sessions_active > 900` or
 * `sessions_total outcome=no-route > 5`: a place of the configuration, the rest of the metric's name, more labels, an
 * operator and a number. Texts with spaces are put in double quotes. Never throws.
 */
export function parseCondition(text: string): Parsed<Condition> {
	const words = text.length > MAX_LENGTH ? null : wordsOf(text);
	const [number, operator, ...rest] = words?.toReversed() ?? [];
	if (number === undefined || operator === undefined || rest.length === 0)
		return wrong(`${quote(text)} is not a condition: write for example "pool eu healthy < 0.5"`);
	if (!isOperator(operator))
		return wrong(`${quote(operator)} is not an operator: before the number stands one of ${OPERATORS.join(' ')}`);
	if (!NUMBER.test(number)) return wrong(`${quote(number)} is not a number: a condition ends with one, such as 0.5`);
	const subject = parseSubject(rest.toReversed());
	if (!subject.ok) return subject;
	return parsed({ ...subject.value, operator, threshold: Number(number) });
}

function wordsOf(text: string): string[] | null {
	const words: string[] = [];
	const end = text.trimEnd().length;
	WORD.lastIndex = 0;
	while (WORD.lastIndex < end) {
		const found = WORD.exec(text);
		if (found === null) return null;
		const [, label = '', quoted, plain] = found;
		words.push(plain ?? `${label}${quoted}`);
	}
	return words;
}

const isOperator = (text: string): text is Operator => (OPERATORS as readonly string[]).includes(text);
const isKind = (text: string | undefined): text is PlaceKind =>
	(PLACE_KINDS as readonly (string | undefined)[]).includes(text);

type Subject = Omit<Condition, 'operator' | 'threshold'>;

function parseSubject(words: readonly string[]): Parsed<Subject> {
	const [kind, name] = words;
	if (!isKind(kind)) return parseMetric(words, null);
	if (name === undefined || words[2] === undefined)
		return wrong(`after ${quote(kind)} come its name and the metric, as in "pool eu healthy"`);
	if (kind === 'backend' && !/^[^/]+\/./s.test(name))
		return wrong(`${quote(name)} is not a backend: write pool/backend, as in "backend eu/eu-1 up"`);
	return parseMetric(words.slice(2), { kind, name });
}

function parseMetric([rest = '', ...labels]: readonly string[], place: Condition['place']): Parsed<Subject> {
	const metric = place === null ? metricOf(rest) : metricNamed(`sluice_${place.kind}_${rest}`);
	if (metric === null) return wrong(unknown('metric', rest, shortNames(place?.kind ?? null)));
	const found: Record<string, string> = place === null ? {} : placeLabels(place);
	const known = METRICS[metric].labels as readonly string[];
	for (const label of labels) {
		const [, key = '', value = ''] = /^([a-z_]+)=(.*)$/s.exec(label) ?? [];
		if (key === '') return wrong(`${quote(label)} is no label: between metric and operator stand only label=value`);
		if (!known.includes(key)) return wrong(`${unknown('label', key, known)}, of ${rest}`);
		if (found[key] !== undefined) return wrong(`label ${quote(key)} is given twice`);
		found[key] = value;
	}
	return parsed({ metric, place, labels: found, perSecond: METRICS[metric].type === 'counter' });
}

const metricNamed = (name: string): MetricName | null => COMPARED.find((metric) => metric === name) ?? null;

/** `sessions_active` is `sluice_sessions_active`; what is not ours has its whole name. */
const metricOf = (rest: string): MetricName | null => metricNamed(`sluice_${rest}`) ?? metricNamed(rest);

/** What may stand behind a place of this kind, or alone. */
function shortNames(kind: PlaceKind | null): string[] {
	const prefix = kind === null ? 'sluice_' : `sluice_${kind}_`;
	const own = COMPARED.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
	return kind === null ? [...own, ...COMPARED.filter((name) => !name.startsWith(prefix))] : own;
}

function placeLabels({ kind, name }: NonNullable<Condition['place']>): Record<string, string> {
	if (kind !== 'backend') return { [kind]: name };
	const slash = name.indexOf('/');
	return { pool: name.slice(0, slash), backend: name.slice(slash + 1) };
}
