/** How many short messages does a proxy carry there and back for one second of its CPU time? */
import { type Question, THOUSANDS, type Workload } from './support/question.ts';

const GOALS = new Set(['64 B, 32', '64 B, 512']);

function pingPong(bytes: number, size: string, connections: number): Workload {
	const isGoal = GOALS.has(`${size}, ${connections}`);
	return {
		name: `ping-${bytes}-${connections}`,
		title: `ping-pong ${size}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
		unit: THOUSANDS,
		job: { kind: 'ping', bytes, connections },
		feature: null,
		metric: 'work',
		goal: isGoal ? 1 : null,
		quick: isGoal,
	};
}

export const question: Question = {
	asks: 'How many round trips does one second of CPU carry?',
	workloads: [1, 32, 512].flatMap((connections) => [
		pingPong(64, '64 B', connections),
		pingPong(4_096, '4 KiB', connections),
	]),
};
