import { test } from 'tap';
import { createStats, HISTOGRAMS, StatsReader, StatsWriter } from '../../src/shared/stats.ts';

function twoWorkers(): { readonly first: StatsWriter; readonly second: StatsWriter; readonly reader: StatsReader } {
	const blocks = [createStats(), createStats()] as const;
	return {
		first: new StatsWriter(blocks[0]),
		second: new StatsWriter(blocks[1]),
		reader: new StatsReader(blocks),
	};
}

test('counters and outcomes of all workers are summed', (t) => {
	const { first, second, reader } = twoWorkers();
	first.add('retries', 2);
	second.add('retries', 3);
	second.add('queuedSeconds', 0.5);
	first.outcome('completed');
	second.outcome('completed');
	second.outcome('internal-error');
	t.equal(reader.total('retries'), 5);
	t.equal(reader.total('queuedSeconds'), 0.5);
	t.equal(reader.total('spills'), 0);
	t.equal(reader.outcomes().get('completed'), 2);
	t.equal(reader.outcomes().get('internal-error'), 1);
	t.equal(reader.outcomes().get('pool-full'), 0);
	t.end();
});

test('a value on a bound belongs to the bucket below it, and what is above all bounds has a bucket of its own', (t) => {
	const { first, second, reader } = twoWorkers();
	const bounds = HISTOGRAMS.connectSeconds;
	first.observe('connectSeconds', 0);
	first.observe('connectSeconds', bounds[0]);
	second.observe('connectSeconds', bounds[0] * 1.01);
	second.observe('connectSeconds', 99);
	const { counts, sum } = reader.histogram('connectSeconds');
	t.equal(counts.length, bounds.length + 1);
	t.same([counts[0], counts[1], counts.at(-1)], [2, 1, 1]);
	t.equal(sum, bounds[0] + bounds[0] * 1.01 + 99);
	t.same(
		reader.histogram('sessionSeconds').counts.filter((count) => count > 0),
		[],
		'the other one is not touched',
	);
	t.end();
});

test('sessions are counted by country, and no other writing reaches those counts', (t) => {
	const { first, second, reader } = twoWorkers();
	first.country('DE', 1);
	second.country('DE', 1);
	second.country('AA', 1);
	second.country('ZZ', 1);
	first.country(null, 1);
	first.country('de', 1);
	second.country('ZZ', -1);
	first.observe('sessionSeconds', 1e9);
	first.set('pipes', 7);
	t.same(
		reader.countries(),
		new Map([
			['AA', 1],
			['DE', 2],
			[null, 2],
		]),
	);
	t.end();
});

test('what a dead worker counted stays; how things were with it is forgotten', (t) => {
	const { first, second, reader } = twoWorkers();
	first.add('spills', 1);
	first.set('loopDelaySeconds', 0.25);
	first.country('FR', 1);
	second.country('FR', 1);
	t.equal(reader.gauge(0, 'loopDelaySeconds'), 0.25);
	reader.forget(0);
	t.equal(reader.total('spills'), 1);
	t.equal(reader.gauge(0, 'loopDelaySeconds'), 0);
	t.equal(reader.countries().get('FR'), 1);
	t.end();
});
