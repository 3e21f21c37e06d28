import { formatTarget } from '../core/address.ts';
import { isFailureOf } from '../core/bind-failure.ts';
import type { BindSnapshot } from '../core/snapshot.ts';
import { proveFree, type WantedBind } from './bind.ts';
import { bindKey, type ConfiguredBind, configuredBinds } from './config/compile.ts';
import type { Config } from './config/schema.ts';

/** An address that is listened on, with its real port. */
export interface ListeningAddress {
	readonly listener: string;
	/** `host:port`, `[v6]:port` or `unix:/path`. */
	readonly address: string;
}

/** What a configuration would listen on, proven possible; nothing holds it before `adopt`. */
export interface AddressPlan {
	/** Real ports of binds with port 0, by `bindKey`. */
	readonly ports: ReadonlyMap<string, number>;
	readonly binds: readonly ConfiguredBind[];
}

/** Which addresses are ours, and which real port a listener got for port 0; kept over reloads. */
export class AddressBook {
	private ours: AddressPlan = { ports: new Map(), binds: [] };

	get listening(): readonly ListeningAddress[] {
		return this.ours.binds.map(listeningAddress);
	}

	/**
	 * Proves that every address which is not ours yet can be bound.
	 * @throws SluiceError `cannot-bind` with one line per address; then nothing has changed.
	 */
	async plan(config: Config): Promise<AddressPlan> {
		const wanted = configuredBinds(config).map((entry) => ({ asked: entry, known: this.known(entry) }));
		const unproven = wanted.filter(({ known }) => !this.holds(known.bind));
		const proven = await proveFree(
			unproven.map(({ known }): WantedBind => ({ ...known, shared: this.mayShare(known.bind, wanted) })),
		);
		const ports = new Map<string, number>();
		const binds = wanted.map(({ asked, known }) => {
			const at = unproven.findIndex((entry) => entry.asked === asked);
			const real = { listener: known.listener, bind: proven[at] ?? known.bind };
			const { target } = real.bind;
			if (isAnyPort(asked.bind) && target.type === 'tcp')
				ports.set(bindKey(asked.listener, asked.bind.target), target.port);
			return real;
		});
		return { ports, binds };
	}

	/** The plan is in force but for these `bindFailure` texts; answers the addresses it adds that are listened on. */
	adopt(plan: AddressPlan, failures: readonly string[] = []): readonly ListeningAddress[] {
		const before = new Set(this.listening.map((entry) => `${entry.listener} ${entry.address}`));
		this.ours = plan;
		const open = plan.binds.filter(
			({ listener, bind }) => !failures.some((f) => isFailureOf(f, listener, bind.target)),
		);
		return open.map(listeningAddress).filter((entry) => !before.has(`${entry.listener} ${entry.address}`));
	}

	/** With the real port where port 0 was asked for and given before. */
	private known(entry: ConfiguredBind): ConfiguredBind {
		const { target } = entry.bind;
		const port = this.ours.ports.get(bindKey(entry.listener, target));
		if (port === undefined || target.type !== 'tcp') return entry;
		return { listener: entry.listener, bind: { ...entry.bind, target: { ...target, port } } };
	}

	private holds(bind: BindSnapshot): boolean {
		return this.ours.binds.some(({ bind: own }) => isSame(own, bind));
	}

	/**
	 * Whether an address of ours overlaps it and is no hindrance: one that goes away with this plan, or the wildcard of
	 * the other family.
	 */
	private mayShare({ target }: BindSnapshot, wanted: readonly { readonly known: ConfiguredBind }[]): boolean {
		if (target.type !== 'tcp' || target.port === 0) return false;
		const overlapping = this.ours.binds.filter(
			({ bind: { target: own } }) =>
				own.type === 'tcp' && own.port === target.port && (isWildcard(own.host) || isWildcard(target.host)),
		);
		const staying = overlapping.filter(({ bind }) => wanted.some(({ known }) => isSame(known.bind, bind)));
		const hindered = staying.some(({ bind }) => !(isWildcard(target.host) && isWildcardBind(bind)));
		return overlapping.length > 0 && !hindered;
	}
}

const listeningAddress = ({ listener, bind }: ConfiguredBind): ListeningAddress => ({
	listener,
	address: formatTarget(bind.target),
});

const isSame = (a: BindSnapshot, b: BindSnapshot): boolean =>
	a.v6Only === b.v6Only && formatTarget(a.target) === formatTarget(b.target);

const isWildcardBind = ({ target }: BindSnapshot): boolean => target.type === 'tcp' && isWildcard(target.host);

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

const isAnyPort = (bind: BindSnapshot): boolean => bind.target.type === 'tcp' && bind.target.port === 0;
