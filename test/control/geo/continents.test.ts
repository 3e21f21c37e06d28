import t from 'tap';
import { CONTINENTS, countriesOf, isCountry } from '../../../src/control/geo/continents.ts';
import { knownCountries } from '../../support/known-countries.ts';

const examples = [
	{ continent: 'africa', country: 'ZA' },
	{ continent: 'antarctica', country: 'AQ' },
	{ continent: 'asia', country: 'JP' },
	{ continent: 'europe', country: 'GB' },
	{ continent: 'north-america', country: 'US' },
	{ continent: 'north-america', country: 'MX' },
	{ continent: 'oceania', country: 'NZ' },
	{ continent: 'south-america', country: 'BR' },
] as const;

for (const { continent, country } of examples) {
	t.test(`${country} is in ${continent} and in no other continent`, (t) => {
		const homes = CONTINENTS.filter((name) => countriesOf(name).includes(country));
		t.strictSame(homes, [continent]);
		t.end();
	});
}

t.test('every country of the database is a country and in exactly one continent', (t) => {
	const countries = [...new Set(knownCountries().map((known) => known.country))];
	t.ok(countries.length > 200, 'the sample is not empty');
	const homeless = countries.filter(
		(country) => !isCountry(country) || CONTINENTS.filter((name) => countriesOf(name).includes(country)).length !== 1,
	);
	t.strictSame(homeless, []);
	t.end();
});

t.test('what is not a country code in upper case is no country', (t) => {
	for (const text of ['', 'D', 'de', 'DEU', 'XX', 'ZZ', 'toString', '__proto__']) t.notOk(isCountry(text), text);
	t.end();
});
