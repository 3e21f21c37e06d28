import t from 'tap';
import type { ClientCertificate } from '../../src/core/session-io.ts';
import type { ClientAuth } from '../../src/core/snapshot.ts';
import { refuseCertificate } from '../../src/policy/client-auth.ts';

const auth = (given: Partial<ClientAuth>): ClientAuth => ({
	ca: '',
	mode: 'require',
	names: [],
	fingerprints: [],
	...given,
});

const GOOD: ClientCertificate = {
	verified: true,
	error: null,
	commonName: 'A',
	names: ['a.devices.example', 'a'],
	fingerprint: 'ff',
};
const EXPIRED = { ...GOOD, verified: false, error: 'certificate has expired' };

const NO_NAME = 'client certificate: its names are not among those that may come in';
const NO_FINGERPRINT = 'client certificate: its fingerprint is not one of those that may come in';

t.test('who may come in with which certificate', async (t) => {
	const cases: [name: string, ClientAuth | null, ClientCertificate | null, why: string | null][] = [
		['nobody asks', null, null, null],
		['nobody asks, one is sent', null, EXPIRED, null],
		['required, none', auth({}), null, 'client certificate: none was sent'],
		['requested, none', auth({ mode: 'request' }), null, null],
		['requested, none, by name', auth({ mode: 'request', names: ['a'] }), null, null],
		['required, good', auth({}), GOOD, null],
		['required, bad', auth({}), EXPIRED, 'client certificate: certificate has expired'],
		['requested, bad', auth({ mode: 'request' }), EXPIRED, 'client certificate: certificate has expired'],
		['bad without a reason', auth({}), { ...EXPIRED, error: null }, 'client certificate: not verified'],
		['its name', auth({ names: ['b', '*.devices.example'] }), GOOD, null],
		['its common name', auth({ names: ['a'] }), GOOD, null],
		['another name', auth({ names: ['devices.example', '*.example'] }), GOOD, NO_NAME],
		['its fingerprint', auth({ fingerprints: ['00', 'ff'] }), GOOD, null],
		['another fingerprint', auth({ fingerprints: ['00'] }), GOOD, NO_FINGERPRINT],
		['both', auth({ fingerprints: ['ff'], names: ['a'] }), GOOD, null],
		['fingerprint alone', auth({ fingerprints: ['ff'], names: ['b'] }), GOOD, NO_NAME],
		['name alone', auth({ fingerprints: ['00'], names: ['a'] }), GOOD, NO_FINGERPRINT],
		[
			'all but verified',
			auth({ fingerprints: ['ff'], names: ['a'] }),
			EXPIRED,
			'client certificate: certificate has expired',
		],
	];
	for (const [name, given, certificate, why] of cases) t.equal(refuseCertificate(given, certificate), why, name);
});
