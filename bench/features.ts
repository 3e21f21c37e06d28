/** What does policy cost, when it is asked of all of them? */
import { question as bulk } from './bulk.ts';
import { question as connect } from './connect.ts';
import { question as pingPong } from './ping-pong.ts';
import { FEATURES, type Feature } from './support/contenders/contender.ts';
import type { Question, Workload } from './support/question.ts';

const ON = ['bulk-down-4', 'ping-64-32', 'connect-16'];
const TITLES: Readonly<Record<Feature, string>> = {
	shaping: 'shaped, limit never met',
	'access-rules': '1,000 access rules',
	backends: '1,000 backends',
	'access-log': 'access log',
};

const all = [bulk, pingPong, connect].flatMap(({ workloads }) => workloads);
const withFeature = (workload: Workload, feature: Feature): Workload => ({
	...workload,
	name: `${workload.name}+${feature}`,
	title: `${workload.title}; ${TITLES[feature]}`,
	feature,
	goal: null,
	quick: false,
});

export const question: Question = {
	asks: 'What do shaping, many rules, many backends and a log cost?',
	workloads: FEATURES.flatMap((feature) =>
		all.filter(({ name }) => ON.includes(name)).map((workload) => withFeature(workload, feature)),
	),
};
