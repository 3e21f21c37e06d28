import t from 'tap';
import { buildNetworkTable } from '../../src/policy/network-table.ts';
import { findRoute } from '../../src/policy/route.ts';
import { at } from '../../src/policy/world.ts';
import { ip } from '../support/session-bench.ts';
import { type RouteSpec, snapshotOf } from '../support/snapshots.ts';

const DE = { countries: new Set(['DE', 'AT']) };
const EU = { regions: new Set([0]) };
const TEN = { networks: buildNetworkTable(['10.0.0.0/8', '2001:db8::/32']) };

function route(
	matches: readonly RouteSpec['match'][],
	facts: { address?: string; country?: string; region?: number; sni?: string; alpn?: string[] },
) {
	const routes = matches.map((match) => ({ to: ['pool0'], ...(match === undefined ? {} : { match }) }));
	const snapshot = snapshotOf({ listeners: [{ routes }] });
	const known = {
		address: facts.address === undefined ? null : ip(facts.address),
		country: facts.country ?? null,
		region: facts.region ?? null,
		sni: facts.sni ?? null,
		alpn: facts.alpn ?? [],
	};
	return findRoute(snapshot, at(snapshot.listeners, 0), known, null)?.name ?? null;
}

t.test('the first matching route in file order wins', async (t) => {
	t.equal(route([DE, undefined], { country: 'DE' }), '1');
	t.equal(route([undefined, DE], { country: 'DE' }), '1');
	t.equal(route([DE, EU, undefined], { country: 'FR', region: 0 }), '2');
	t.equal(route([DE], { country: 'FR' }), null);
	t.equal(route([], { country: 'DE' }), null);
});

t.test('all keys of a match must hold, the values of one are alternatives', async (t) => {
	const both = { ...DE, ...TEN };
	t.equal(route([both], { country: 'AT', address: '10.1.2.3' }), '1');
	t.equal(route([both], { country: 'AT', address: '11.1.2.3' }), null);
	t.equal(route([both], { country: 'FR', address: '10.1.2.3' }), null);
	t.equal(route([TEN], { address: '2001:db8::1' }), '1');
	t.equal(route([TEN], { address: '::ffff:10.1.2.3' }), '1', 'a mapped address is its IPv4 address');
});

t.test('server names match exactly or by one label, protocols when any that the client offers does', async (t) => {
	const names = { sni: { exact: new Set(['a.example']), parents: new Set(['b.example']) } };
	for (const sni of ['a.example', 'x.b.example']) t.equal(route([names], { sni }), '1', sni);
	for (const sni of ['b.example', 'x.y.b.example', '.b.example', 'xa.example', ''])
		t.equal(route([names], { sni }), null, sni);
	t.equal(route([names], {}), null, 'no name matches no condition');
	const mqtt = { alpn: new Set(['mqtt', 'x-mqtt']) };
	t.equal(route([mqtt], { alpn: ['h2', 'mqtt'] }), '1');
	t.equal(route([mqtt], { alpn: ['h2'] }), null);
	t.equal(route([mqtt], {}), null);
	t.equal(route([{ ...names, ...mqtt }], { sni: 'a.example', alpn: ['mqtt'] }), '1');
	t.equal(route([{ ...names, ...mqtt }], { sni: 'a.example' }), null);
});

t.test('what is unknown matches no condition', async (t) => {
	t.equal(route([DE], {}), null);
	t.equal(route([EU], { country: 'DE' }), null);
	t.equal(route([TEN], {}), null, 'a unix-domain client has no address');
});
