import t from 'tap';
import type { AccessList, AccessRules } from '../../src/core/snapshot.ts';
import { checkAccess } from '../../src/policy/access.ts';
import { parseAddress } from '../../src/policy/address.ts';
import { buildNetworkTable } from '../../src/policy/network-table.ts';

const EU = 0;
const US = 1;
const regions = [{ name: 'eu' }, { name: 'us' }];

interface ListText {
	readonly networks?: readonly string[];
	readonly countries?: readonly string[];
	readonly regions?: readonly number[];
}

const list = (text: ListText | undefined): AccessList | null =>
	text === undefined
		? null
		: {
				networks: text.networks ? buildNetworkTable(text.networks) : null,
				countries: text.countries ? new Set(text.countries) : null,
				regions: text.regions ? new Set(text.regions) : null,
			};

const rules = (allow: ListText | undefined, deny: ListText | undefined): AccessRules => ({
	allow: list(allow),
	deny: list(deny),
	action: 'close',
	holdForMs: 0,
});

const bad = { networks: ['203.0.113.0/24'], countries: ['KP'], regions: [US] };

interface Case {
	readonly name: string;
	readonly allow?: ListText;
	readonly deny?: ListText;
	readonly client?: string | null;
	readonly country?: string | null;
	readonly region?: number | null;
	readonly result: string | null;
}

const cases: readonly Case[] = [
	{ name: 'with neither list everyone may come in', result: null },
	{ name: 'who no deny rule names may come in', deny: bad, country: 'DE', region: EU, result: null },
	{ name: 'a network is denied', deny: bad, client: '203.0.113.9', result: 'deny network 203.0.113.0/24' },
	{
		name: 'a network is denied to mapped addresses too',
		deny: bad,
		client: '::ffff:203.0.113.9',
		result: 'deny network 203.0.113.0/24',
	},
	{
		name: 'the detail names the most specific network',
		deny: { networks: ['203.0.0.0/16', '203.0.113.0/24'] },
		client: '203.0.113.9',
		result: 'deny network 203.0.113.0/24',
	},
	{ name: 'a country is denied', deny: bad, country: 'KP', result: 'deny country KP' },
	{ name: 'a region is denied', deny: bad, country: 'US', region: US, result: 'deny region us' },
	{ name: 'who is in an allowed network may come in', allow: { networks: ['192.0.2.0/24'] }, result: null },
	{ name: 'who is in an allowed country may come in', allow: { countries: ['DE'] }, country: 'DE', result: null },
	{
		name: 'who is in an allowed region may come in',
		allow: { regions: [EU] },
		country: 'DE',
		region: EU,
		result: null,
	},
	{
		name: 'one of several kinds of allow is enough',
		allow: { networks: ['10.0.0.0/8'], countries: ['DE'] },
		country: 'DE',
		result: null,
	},
	{
		name: 'who is in no allowed set may not',
		allow: { networks: ['10.0.0.0/8'], countries: ['DE'], regions: [EU] },
		country: 'US',
		region: US,
		result: 'not in allow',
	},
	{ name: 'an allow list without any kind lets nobody in', allow: {}, result: 'not in allow' },
	{
		name: 'deny beats allow for the same network',
		allow: { networks: ['192.0.2.0/24'] },
		deny: { networks: ['192.0.2.0/24'] },
		result: 'deny network 192.0.2.0/24',
	},
	{
		name: 'deny beats a more specific allow',
		allow: { networks: ['192.0.2.1/32'] },
		deny: { networks: ['0.0.0.0/0'] },
		result: 'deny network 0.0.0.0/0',
	},
	{
		name: 'deny of a country beats allow of a network',
		allow: { networks: ['0.0.0.0/0'] },
		deny: bad,
		country: 'KP',
		result: 'deny country KP',
	},
	{
		name: 'an unknown country is in no denied country or region',
		deny: bad,
		country: null,
		region: null,
		result: null,
	},
	{
		name: 'an unknown country is in no allowed country or region',
		allow: { countries: ['DE'], regions: [EU] },
		country: null,
		result: 'not in allow',
	},
	{
		name: 'a unix client is in no denied network',
		deny: { networks: ['0.0.0.0/0', '::/0'] },
		client: null,
		result: null,
	},
	{
		name: 'a unix client is in no allowed network',
		allow: { networks: ['0.0.0.0/0', '::/0'] },
		client: null,
		result: 'not in allow',
	},
	{ name: '::/0 allows no IPv4 client', allow: { networks: ['::/0'] }, result: 'not in allow' },
];

for (const { name, allow, deny, client = '192.0.2.1', country = null, region = null, result } of cases) {
	t.test(name, (t) => {
		const address = client === null ? null : parseAddress(client);
		t.equal(checkAccess(rules(allow, deny), address, country, region, regions), result);
		t.end();
	});
}

t.test('without rules everyone may come in', (t) => {
	t.equal(checkAccess(null, parseAddress('192.0.2.1'), 'KP', US), null);
	t.end();
});

t.test('a region without a name is told by its number', (t) => {
	t.equal(checkAccess(rules(undefined, bad), null, 'US', US), 'deny region 1');
	t.end();
});
