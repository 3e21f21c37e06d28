import type { SecureVersion } from 'node:tls';
import tap, { type Test } from 'tap';
import { certificateAuthority, type Issued } from '../support/certificates.ts';
import { greet, startBackend } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer } from '../support/harness.ts';
import { configOf, listenerTo, type Overrides, poolOf } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dialTls } from '../support/tls.ts';

type TlsInput = NonNullable<NonNullable<Overrides['listener']>['tls']>;

const ca = certificateAuthority(tap);
const [leaf, renewed] = [ca.issue(['a.example']), ca.issue(['a.example'])];
const device = ca.issue(['device'], { client: true });
const terminate = ({ certFile, keyFile }: Issued, more: Partial<TlsInput> = {}): TlsInput => ({
	mode: 'terminate',
	certificates: [{ cert: certFile, key: keyFile }],
	...more,
});

const VERSIONS: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];

/** So many that of two workers each has had some: the kernel spreads connections by their source ports. */
const VISITS = 16;

/** One session at a time: it is shown again until another one is offered. */
class Visitor {
	readonly #t: Test;
	readonly #balancer: Balancer;
	readonly #version: SecureVersion;
	#session: Buffer | undefined;

	constructor(t: Test, balancer: Balancer, version: SecureVersion) {
		this.#t = t;
		this.#balancer = balancer;
		this.#version = version;
	}

	/** Whether the session of before was taken up again. */
	async visit(listener = 'in'): Promise<boolean> {
		const session = this.#session;
		const client = await dialTls(this.#t, this.#balancer.address(listener), {
			ca: ca.cert,
			servername: 'a.example',
			maxVersion: this.#version,
			cert: device.cert,
			key: device.key,
			...(session === undefined ? {} : { session }),
			onSocket: (tls) =>
				void tls.on('session', (latest) => {
					this.#session = latest;
				}),
		});
		await client.heard(3);
		const reused = client.tls.isSessionReused();
		client.fin();
		await client.ending();
		return reused;
	}

	async visits(count: number): Promise<boolean[]> {
		const all: boolean[] = [];
		while (all.length < count) all.push(await this.visit());
		return all;
	}
}

const RULES: Rules = {
	'a session is taken up again by whichever worker answers': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('hi') });
		const balancer = await target.start(t, configOf([backend.address], { listener: { tls: terminate(leaf) } }));
		for (const version of VERSIONS) {
			const visitor = new Visitor(t, balancer, version);
			t.notOk(await visitor.visit(), 'nothing to take up');
			t.same(new Set(await visitor.visits(VISITS)), new Set([true]), version);
		}
	},

	'a session is taken up again after a reload, also when certificates were renewed': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('hi') });
		const config = (tls: TlsInput, idle: string) =>
			configOf([backend.address], { listener: { tls, timeouts: { idle } } });
		const balancer = await target.start(t, config(terminate(leaf), '1m'));
		for (const version of VERSIONS) {
			const visitor = new Visitor(t, balancer, version);
			await visitor.visit();
			await balancer.reload(config(terminate(leaf), '2m'));
			t.ok(await visitor.visit(), 'something else was changed');
			await balancer.reload(config(terminate(renewed), '2m'));
			t.ok(await visitor.visit(), 'the certificate was renewed');
			await balancer.reload(config(terminate(renewed, { clientAuth: { ca: ca.certFile } }), '2m'));
			t.notOk(await visitor.visit(), 'clients have to show who they are');
			t.ok(await visitor.visit());
			await balancer.reload(config(terminate(leaf), '1m'));
		}
	},

	'no session of one listener is taken up by another': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('hi') });
		const tls = terminate(leaf);
		const balancer = await target.start(t, {
			listeners: [listenerTo(['out'], { tls }), listenerTo(['out'], { name: 'other', tls })],
			pools: [poolOf('out', [backend.address])],
		});
		for (const version of VERSIONS) {
			const visitor = new Visitor(t, balancer, version);
			await visitor.visit();
			t.notOk(await visitor.visit('other'), version);
		}
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
