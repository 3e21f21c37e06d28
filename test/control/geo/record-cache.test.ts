import t from 'tap';
import { RecordCache } from '../../../src/control/geo/record-cache.ts';

t.test('of a record stays what its country is found by, and where it ended', async (t) => {
	const cache = new RecordCache();
	const record = {
		city: { names: { en: 'Ghent' } },
		country: { iso_code: 'BE', names: { en: 'Belgium' } },
		subdivisions: [{ iso_code: 'VOV' }],
	};
	cache.set(100, { value: record, offset: 300 });
	t.strictSame(cache.get(100), { value: { iso_code: undefined, country: { iso_code: 'BE' } }, offset: 300 });
	cache.set(200, { value: record.country, offset: 250 });
	t.strictSame(cache.get(200), { value: { iso_code: 'BE' }, offset: 250 });
	for (const [value, kept] of [
		['iso_code', 'iso_code'],
		['x'.repeat(65), null],
		[new Uint8Array(5), { iso_code: undefined }],
		[7n, null],
		[null, null],
	] as const) {
		cache.set(400, { value, offset: 401 });
		t.strictSame(cache.get(400), { value: kept, offset: 401 });
	}
	t.equal(cache.get(101), undefined);
});

t.test('it is bounded, and what is asked for again and again stays', async (t) => {
	const cache = new RecordCache();
	cache.set(-1, { value: 'often', offset: 0 });
	cache.set(-2, { value: 'once', offset: 0 });
	for (let place = 0; place < 100_000; place++) {
		cache.set(place, { value: null, offset: place });
		if (cache.get(-1) === undefined) t.fail(`forgotten at ${place}`);
		if (cache.size > 8_192) t.fail(`${cache.size} entries`);
	}
	t.equal(cache.get(-1)?.value, 'often');
	t.equal(cache.get(-2), undefined);
});
