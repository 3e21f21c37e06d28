import * as z from 'zod';
import { type Condition, parseCondition } from '../alerts/condition.ts';
import { about, duration, name, section, textForm } from './fields.ts';
import { webhook } from './fields-secrets.ts';
import { parsed } from './units.ts';

const condition = () =>
	textForm<{ readonly text: string; readonly condition: Condition }>({
		unit: 'condition',
		expected: 'a condition such as "pool eu healthy < 0.5"',
		parse: (text) => {
			const result = parseCondition(text);
			return result.ok ? parsed({ text, condition: result.value }) : result;
		},
	});

const alert = section({
	name: name().meta(about('Its name in the log and in messages.', 'eu-down')),
	when: condition().meta(
		about(
			'The condition: a place, a metric of it, `<`, `<=`, `>`, `>=`, `==` or `!=`, and a number. See below.',
			'pool eu healthy < 0.5',
		),
	),
	for: duration({ atLeast: 0, atMost: 86_400_000 })
		.prefault('0s')
		.meta(about('How long the condition must hold before the alert fires.', '30s')),
	webhook: webhook()
		.optional()
		.meta(
			about(
				'Where JSON is posted when the alert fires and when it is over. One that holds a secret: where it stands.',
				'env:SLUICE_WEBHOOK',
				'the log alone',
			),
		),
});

export const alerts = () =>
	z
		.array(alert)
		.max(100)
		.default([])
		.meta(
			about('Conditions to be told of, without any other system.', [
				{ name: 'full', when: 'sessions_active > 900', for: '30s', webhook: 'https://hooks.example.com/sluice' },
			]),
		);
