/**
 * Loaded by `--import` into a real `sluice run` process, on its main thread and its workers: answers SIGUSR2
 * with one JSON line on standard output that tells, after a garbage collection on every thread, what the
 * shared scoreboard holds. The product knows nothing of it: a worker's `workerData` names the shared memory.
 */
import {
	BroadcastChannel,
	isMainThread,
	type MessagePort,
	receiveMessageOnPort,
	workerData,
} from 'node:worker_threads';
import type { WorkerStart } from '../../src/core/messages.ts';
import { SLOTS_PER_PAGE, TOTAL_INDEX, totalsBase } from '../../src/shared/layout.ts';
import { Repair } from '../../src/shared/repair.ts';
import { Scoreboard } from '../../src/shared/scoreboard.ts';
import type { LiveLook } from './live-scoreboard.ts';

interface Question {
	readonly ask: number;
}

interface Answer {
	readonly turn: number;
	readonly workers: number;
	readonly usedBytes: number;
	readonly look: Pick<LiveLook, 'zero' | 'faults' | 'sessions'>;
}

const channel = new BroadcastChannel('live-scoreboard');
channel.unref();

if (isMainThread) answerSignals();
else answerQuestions(workerData as WorkerStart);

function answerSignals(): void {
	let turn = 0;
	let answers: Answer[] = [];
	process.on('SIGUSR2', () => {
		turn += 1;
		answers = [];
		channel.postMessage({ ask: turn } satisfies Question);
	});
	channel.onmessage = (event) => {
		const answer = (event as unknown as { data: Answer }).data;
		if (answer.turn !== turn) return;
		answers.push(answer);
		if (answers.length < answer.workers) return;
		const used = answers.reduce((sum, { usedBytes }) => sum + usedBytes, usedHere());
		const look = { msg: 'live' as const, turn, rssBytes: process.memoryUsage.rss(), usedBytes: used, ...answer.look };
		process.stdout.write(`${JSON.stringify(look satisfies LiveLook)}\n`);
	};
}

function answerQuestions({ workers, memory, native }: WorkerStart): void {
	const scoreboard = new Scoreboard(memory);
	const repair = new Repair(scoreboard);
	const hear = ({ ask }: Partial<Question>): void => {
		// Everyone on the channel hears the other workers' answers, too.
		if (ask === undefined) return;
		const look = { zero: repair.isZero(), faults: repair.audit(), sessions: sessionsBySlot(scoreboard, workers) };
		channel.postMessage({ turn: ask, workers, usedBytes: usedHere(), look } satisfies Answer);
	};
	if (native === null) channel.onmessage = (event) => hear((event as unknown as { data: Partial<Question> }).data);
	else listenAtTheClock(hear);
}

/** A native engine's loop hears no events of Node's, but reads the clock at every turn. */
function listenAtTheClock(hear: (question: Partial<Question>) => void): void {
	// The runtime takes either kind of port here (worker_threads, receiveMessageOnPort); the types know one.
	const port = channel as unknown as MessagePort;
	const now = performance.now.bind(performance);
	let lookedMs = 0;
	performance.now = () => {
		const ms = now();
		if (ms - lookedMs < 20) return ms;
		lookedMs = ms;
		for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
			hear(got.message as Partial<Question>);
		}
		return ms;
	};
}

/** What this thread's objects and buffers take. What finalizers let go of is free at the second collection. */
function usedHere(): number {
	globalThis.gc?.();
	globalThis.gc?.();
	const { heapUsed, external } = process.memoryUsage();
	return heapUsed + external;
}

/** Of each slot that any session ended at: how many, by worker. */
function sessionsBySlot(scoreboard: Scoreboard, workers: number): number[][] {
	const slots = scoreboard.pages.flatMap(({ totals }) =>
		Array.from({ length: SLOTS_PER_PAGE }, (_, slot) =>
			Array.from({ length: workers }, (_, worker) => totals[totalsBase(worker, slot) + TOTAL_INDEX.sessions] ?? 0),
		),
	);
	return slots.filter((byWorker) => byWorker.some((count) => count > 0));
}
