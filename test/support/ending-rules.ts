import type { Test } from 'tap';
import type { Balancer, Target } from './harness.ts';
import type { Rules } from './net-rules.ts';
import { digestOf, type Peer, pass, patternOf } from './peers.ts';

/** A session in its relay with both ends in hand. */
export interface Pair {
	readonly balancer: Balancer;
	readonly client: Peer;
	readonly server: Peer;
}

export type PairOf = (t: Test, target: Target) => Promise<Pair>;

/** How a relay's ends reach the other side, whatever each side's connection is. */
export const endingRules = (pairOf: PairOf): Rules => ({
	"a client's FIN becomes a FIN to the backend, and the other direction goes on": async (t, target) => {
		const { balancer, client, server } = await pairOf(t, target);
		client.send('question');
		client.fin();
		t.equal(await server.ending(), 'fin');
		t.equal(server.text, 'question');
		await pass(30);
		server.send('late answer');
		t.equal(await client.heard(11), 'late answer');
		t.equal(client.ended, null, 'its own direction is still open');
		server.fin();
		t.equal(await client.ending(), 'fin');
		t.match(await balancer.recorded(1), [{ outcome: 'completed', uploadBytes: 8, downloadBytes: 11 }]);
	},

	"a backend's FIN becomes a FIN to the client, and the other direction goes on": async (t, target) => {
		const { balancer, client, server } = await pairOf(t, target);
		const sent = patternOf(500_000);
		server.send('all I have');
		server.fin();
		t.equal(await client.ending(), 'fin');
		t.equal(client.text, 'all I have');
		client.send(sent);
		await server.heard(sent.length);
		t.equal(server.digest, digestOf(sent));
		t.equal(server.ended, null);
		client.fin();
		t.equal(await server.ending(), 'fin');
		t.match(await balancer.recorded(1), [{ outcome: 'completed', uploadBytes: sent.length, downloadBytes: 10 }]);
	},

	"a client's RST resets the backend": async (t, target) => {
		const { balancer, client, server } = await pairOf(t, target);
		client.send('last words');
		await server.heard(10);
		client.reset();
		t.equal(await server.ending(), 'reset');
		t.match(await balancer.recorded(1), [{ outcome: 'client-reset', uploadBytes: 10 }]);
	},

	"a backend's RST resets the client": async (t, target) => {
		const { balancer, client, server } = await pairOf(t, target);
		server.send('last words');
		await client.heard(10);
		server.reset();
		t.equal(await client.ending(), 'reset');
		t.match(await balancer.recorded(1), [{ outcome: 'backend-reset', downloadBytes: 10 }]);
	},

	'a RST after a half-close is still a RST': async (t, target) => {
		const { balancer, client, server } = await pairOf(t, target);
		client.fin();
		await server.ending();
		server.reset();
		t.equal(await client.ending(), 'reset');
		t.match(await balancer.recorded(1), [{ outcome: 'backend-reset' }]);
	},
});

/** The same rules under other sentences. */
export const renamed = (rules: Rules, how: string): Rules =>
	Object.fromEntries(Object.entries(rules).map(([sentence, rule]) => [`${how}: ${sentence}`, rule]));
