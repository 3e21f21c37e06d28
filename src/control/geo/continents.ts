import { countries, type TContinentCode, type TCountryCode } from 'countries-list';

/** The continents as the configuration writes them. */
export const CONTINENTS = [
	'africa',
	'antarctica',
	'asia',
	'europe',
	'north-america',
	'oceania',
	'south-america',
] as const;

export type Continent = (typeof CONTINENTS)[number];

const libraryCodes: Readonly<Record<Continent, TContinentCode>> = {
	africa: 'AF',
	antarctica: 'AN',
	asia: 'AS',
	europe: 'EU',
	'north-america': 'NA',
	oceania: 'OC',
	'south-america': 'SA',
};

/** The continent's countries, ISO 3166-1 alpha-2, sorted. A country is in one continent, as countries-list has it. */
export function countriesOf(continent: Continent): readonly string[] {
	const code = libraryCodes[continent];
	return Object.entries(countries)
		.filter(([, country]) => country.continent === code)
		.map(([country]) => country)
		.sort();
}

/** Whether this is an ISO 3166-1 alpha-2 code in upper case, or one in common use beside them (XK). */
export const isCountry = (code: string): code is TCountryCode => Object.hasOwn(countries, code);
