/** How many bytes does a proxy move for one second of its CPU time, when there are always more? */
import { GIGABYTES, type Question, type Workload } from './support/question.ts';

function bulk(direction: 'download' | 'upload', streams: number): Workload {
	const way = direction === 'download' ? 'down' : 'up';
	return {
		name: `bulk-${way}-${streams}`,
		title: `bulk ${way}, ${streams} streams`,
		unit: GIGABYTES,
		job: { kind: 'bulk', direction, streams },
		feature: null,
		metric: 'work',
		goal: streams === 4 ? 1.25 : null,
		quick: streams === 4,
	};
}

export const question: Question = {
	asks: 'How many bytes does one second of CPU move?',
	workloads: [bulk('download', 4), bulk('upload', 4), bulk('download', 64), bulk('upload', 64)],
};
