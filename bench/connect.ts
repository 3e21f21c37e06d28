/** How many short sessions does a proxy serve for one second of its CPU time? */
import { type Question, THOUSANDS, type Workload } from './support/question.ts';

function connects(concurrent: number): Workload {
	return {
		name: `connect-${concurrent}`,
		title: `connect, ping, close, ${concurrent} at a time`,
		unit: THOUSANDS,
		job: { kind: 'connect', concurrent },
		feature: null,
		metric: 'work',
		goal: concurrent === 16 ? 1.1 : null,
		quick: concurrent === 16,
	};
}

export const question: Question = {
	asks: 'How many sessions does one second of CPU serve?',
	workloads: [connects(16), connects(256)],
};
