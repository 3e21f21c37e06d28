import { SluiceError } from '../../core/errors.ts';
import { parseAddress } from '../../policy/address.ts';
import { type Explanation, explain } from '../../policy/explain.ts';
import type { ExplainQuery } from '../admin/operations.ts';
import { type Steered, snapshotOf } from './steered.ts';

/** `explain` on what is in force now. @throws SluiceError for a listener that is not there and for what is no address. */
export function explainLive(steered: Steered, { listener, ips, sni, alpn }: ExplainQuery): Explanation {
	const snapshot = snapshotOf(steered);
	const asked = snapshot.listeners.find(({ name }) => name === listener);
	if (asked === undefined) throw new SluiceError('not-found', `there is no listener ${listener}`);
	const clients = ips.map((ip) => {
		const address = parseAddress(ip);
		if (address === null) throw new SluiceError('bad-request', `${ip} is not an IP address`);
		return address;
	});
	return explain(snapshot, asked, clients, { ...steered.explainParts(), sni, alpn });
}
