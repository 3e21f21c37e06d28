/** How long does a message take at a rate that every contender can carry? */
import { type Question, THOUSANDS } from './support/question.ts';

/** Stands for half of what the slowest contender did in `RATE_FROM`; the runner puts it in. */
export const RATE_TO_BE_SET = 0;
/** The workload whose slowest contender sets the rate. */
export const RATE_FROM = 'ping-64-32';

export const question: Question = {
	asks: 'How long does a message take at a fixed rate?',
	workloads: [
		{
			name: 'latency-64-32',
			title: 'p99 of 64 B at a fixed rate, 32 connections',
			unit: THOUSANDS,
			job: { kind: 'paced', bytes: 64, connections: 32, perSecond: RATE_TO_BE_SET },
			feature: null,
			metric: 'p99',
			goal: 1,
			quick: true,
		},
	],
};
