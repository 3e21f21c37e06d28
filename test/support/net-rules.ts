import t, { type Test } from 'tap';
import { enginesOf, missingEngines } from './engines.ts';
import { engineTargets, type Target } from './harness.ts';

/** Rules of the conformance suite by their sentence. Each starts its own balancer from the target. */
export type Rules = Readonly<Record<string, (t: Test, target: Target) => Promise<void>>>;

/**
 * Tests every rule against every target: each engine by itself, which is fast; give `allTargets()` where
 * several workers or the way through shared memory could make a difference. It fails where one of the engines
 * `asked` for was not among the targets, or did not run.
 */
export function conformance(
	rules: Rules,
	targets: readonly Target[] = engineTargets(),
	asked = enginesOf(process.platform),
): void {
	const needed = asked.filter((engine) => enginesOf(process.platform).includes(engine));
	if (needed.length === 0)
		return void t.pass(`engine ${asked.join(', ')} is not for ${process.platform}`, { skip: true });
	t.ok(targets.length > 0 && Object.keys(rules).length > 0, 'there is something to test');
	const planned = new Set(targets.map(({ engine }) => engine));
	t.same(missingEngines(needed, planned), [], `engines ${needed.join(', ')} are tested`);
	for (const target of targets) {
		t.test(target.name, async (t) => {
			const ran = new Set<string>();
			const noted = notingEngine(target, ran);
			for (const [sentence, rule] of Object.entries(rules)) await t.test(sentence, (t) => rule(t, noted));
			t.same(missingEngines([target.engine], ran), [], `engine ${target.engine} has run`);
		});
	}
}

/** The same target; which engine its balancers run is added to `ran`. */
const notingEngine = (target: Target, ran: Set<string>): Target => ({
	...target,
	start: async (t, config) => {
		const balancer = await target.start(t, config);
		ran.add(balancer.engine);
		return balancer;
	},
});
