import t, { type Test } from 'tap';
import { engineTargets, type Target } from './harness.ts';

/** Rules of the conformance suite by their sentence. Each starts its own balancer from the target. */
export type Rules = Readonly<Record<string, (t: Test, target: Target) => Promise<void>>>;

/**
 * Tests every rule against every target: each engine by itself, which is fast; give `allTargets()` where
 * several workers or the way through shared memory could make a difference.
 */
export function conformance(rules: Rules, targets: readonly Target[] = engineTargets()): void {
	t.ok(targets.length > 0 && Object.keys(rules).length > 0, 'there is something to test');
	for (const target of targets) {
		t.test(target.name, async (t) => {
			for (const [sentence, rule] of Object.entries(rules)) await t.test(sentence, (t) => rule(t, target));
		});
	}
}
