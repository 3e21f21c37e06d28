import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { parse } from 'yaml';
import { METRICS, type MetricTerms } from '../../../src/control/metrics/names.ts';
import { OUTCOMES } from '../../../src/core/outcome.ts';

const pathOf = (file: string): string => fileURLToPath(new URL(`../../../config/${file}`, import.meta.url));
const metrics: Readonly<Record<string, MetricTerms>> = METRICS;

interface Panel {
	readonly id: number;
	readonly type: string;
	readonly title: string;
	readonly gridPos: { readonly x: number; readonly w: number };
	readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Rule {
	readonly alert: string;
	readonly expr: string;
	readonly annotations: { readonly summary: string };
}

const dashboard: {
	readonly panels: readonly Panel[];
	readonly annotations: { readonly list: readonly { readonly expr: string }[] };
} = JSON.parse(readFileSync(pathOf('grafana-dashboard.json'), 'utf8'));
const rules: readonly Rule[] = parse(readFileSync(pathOf('prometheus-rules.yaml'), 'utf8')).groups[0].rules;

/** Everything in an expression that is no metric of ours as it should be. */
function faultsOf(expr: string): string[] {
	const used = [...expr.matchAll(/\b((?:sluice|process)_[a-z0-9_]+)(\{[^}]*\})?(\[)?/g)];
	if (used.length === 0) return [`${expr} has no metric`];
	return used.flatMap(([, name = '', selector = '', range]) => {
		const base = name.replace(/_(bucket|sum|count)$/, '');
		const terms = metrics[name] ?? (metrics[base]?.type === 'histogram' ? metrics[base] : undefined);
		if (terms === undefined) return [`${name} is no metric`];
		const faults = [...selector.matchAll(/([a-z_]+)=/g)].flatMap(([, label = '']) =>
			label === 'instance' || terms.labels.includes(label) ? [] : [`${name} has no label ${label}`],
		);
		const rises = terms.type !== 'gauge';
		if (rises && range === undefined) faults.push(`${name} only rises: it is compared by its rate`);
		return faults;
	});
}

test('names and labels of the Grafana dashboard are those of the metrics', (t) => {
	const targets = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
	t.ok(targets.length > 30, 'expressions were found');
	for (const { title, expr } of targets) t.same(faultsOf(expr), [], title);
	for (const { expr } of dashboard.annotations.list) t.same(faultsOf(expr), []);
	t.end();
});

test('panels have numbers of their own and stand on the grid', (t) => {
	const ids = dashboard.panels.map(({ id }) => id);
	t.equal(new Set(ids).size, ids.length);
	for (const { title, gridPos } of dashboard.panels) t.ok(gridPos.x + gridPos.w <= 24, title);
	t.end();
});

test('names and labels of the alert rules are those of the metrics', (t) => {
	t.ok(rules.length > 10, 'rules were found');
	for (const { alert, expr } of rules) t.same(faultsOf(expr), [], alert);
	const outcomes = rules.flatMap(({ expr }) =>
		[...expr.matchAll(/outcome=~"([^"]+)"/g)].flatMap(([, list = '']) => list.split('|')),
	);
	t.ok(outcomes.length > 3);
	for (const outcome of outcomes) t.ok((OUTCOMES as readonly string[]).includes(outcome), outcome);
	t.end();
});

test('a wrong name or label is found', (t) => {
	t.same(faultsOf('sluice_pool_helthy < 1'), ['sluice_pool_helthy is no metric']);
	t.same(faultsOf('sluice_pool_healthy{poool="eu"} < 1'), ['sluice_pool_healthy has no label poool']);
	t.same(faultsOf('sluice_reloads_total > 1'), ['sluice_reloads_total only rises: it is compared by its rate']);
	t.same(faultsOf('sluice_pool_healthy_bucket'), ['sluice_pool_healthy_bucket is no metric']);
	t.same(faultsOf('up == 0'), ['up == 0 has no metric']);
	t.end();
});

test('promtool accepts the rules, and every expression of the dashboard', (t) => {
	const check = (file: string): string => execFileSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
	t.match(check(pathOf('prometheus-rules.yaml')), new RegExp(`SUCCESS: ${rules.length} rules found`));
	const exprs = dashboard.panels.flatMap(({ targets = [] }) =>
		targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')),
	);
	const recording = exprs.map((expr, at) => ({ record: `panel:${at}`, expr }));
	const folder = t.testdir({ 'panels.yaml': JSON.stringify({ groups: [{ name: 'panels', rules: recording }] }) });
	t.match(check(`${folder}/panels.yaml`), new RegExp(`SUCCESS: ${exprs.length} rules found`));
	t.end();
});

test('the rules fire for what they are meant for', (t) => {
	const series = (text: string, values: string) => ({ series: text, values });
	const of = 'instance="a", job="sluice"';
	const tests = [
		{
			interval: '30s',
			input_series: [
				series(`sluice_build_info{${of}}`, '1x40'),
				series(`sluice_pool_healthy{${of}, pool="eu"}`, '1x10 0x10 0.25x20'),
				series(`sluice_sessions_active{${of}}`, '95x40'),
				series(`sluice_sessions_max{${of}}`, '100x40'),
				series(`sluice_sessions_total{${of}, outcome="pool-down"}`, '0+300x40'),
				series(`sluice_backend_connects_total{${of}, pool="eu", backend="b"}`, '0+100x40'),
				series(`sluice_backend_connect_failures_total{${of}, pool="eu", backend="b"}`, '0+10x40'),
				series(`process_open_fds{${of}}`, '95x40'),
				series(`process_max_fds{${of}}`, '100x40'),
				series('process_open_fds{instance="other", job="other"}', '95x40'),
				series('process_max_fds{instance="other", job="other"}', '100x40'),
			],
			alert_rule_test: [
				alertsAt('4m', 'SluicePoolDown', []),
				alertsAt('8m', 'SluicePoolDown', [{ pool: 'eu', severity: 'critical' }]),
				alertsAt('19m', 'SluicePoolDegraded', [{ pool: 'eu', severity: 'warning' }]),
				alertsAt('19m', 'SluiceSessionsNearCap', [{ severity: 'warning' }]),
				alertsAt('19m', 'SluiceDescriptorsRunOut', [{ severity: 'critical' }]),
				alertsAt('19m', 'SluiceAbsent', []),
			],
		},
	];
	const folder = t.testdir({
		'test.yaml': JSON.stringify({ rule_files: [pathOf('prometheus-rules.yaml')], evaluation_interval: '30s', tests }),
	});
	t.match(execFileSync('promtool', ['test', 'rules', `${folder}/test.yaml`], { encoding: 'utf8' }), /SUCCESS/);
	t.end();
});

/** What an alert looks like at a time; the summaries are told by the rule itself. */
function alertsAt(eval_time: string, alertname: string, found: readonly Readonly<Record<string, string>>[]) {
	const SUMMARIES: Readonly<Record<string, string>> = {
		SluicePoolDown: 'Pool eu of a has no healthy backend.',
		SluicePoolDegraded: 'Of pool eu, 25% of the backends are healthy.',
		SluiceSessionsNearCap: 'a has 95% of the sessions it may have.',
		SluiceDescriptorsRunOut: 'a has 95% of the descriptors it may open.',
	};
	return {
		eval_time,
		alertname,
		exp_alerts: found.map((labels) => ({
			exp_labels: { instance: 'a', job: 'sluice', ...labels },
			exp_annotations: { summary: SUMMARIES[alertname] },
		})),
	};
}
