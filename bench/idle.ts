/** What does a session that says nothing cost in memory? */
import { mostSessions } from './support/limits.ts';
import { IDLE_WARM_SESSIONS } from './support/load/idle.ts';
import { type Question, THOUSANDS } from './support/question.ts';

const KIBIBYTE = 1024;
const WANTED = 20_000;
/** The backend and the checks of the bench need some, too. */
const SPARE = 100;
const sessions = Math.min(WANTED, mostSessions() - IDLE_WARM_SESSIONS - SPARE);

export const question: Question = {
	asks: 'How much memory does an idle session take?',
	workloads: [
		{
			name: 'idle',
			title: 'memory per idle session',
			unit: THOUSANDS,
			job: { kind: 'idle', sessions },
			feature: null,
			metric: 'memory',
			goal: 4 * KIBIBYTE,
			quick: true,
		},
	],
};
