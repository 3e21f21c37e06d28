import type { EngineName } from '../core/ports.ts';
import type { ListenerSnapshot } from '../core/snapshot.ts';
import type { Log } from './log.ts';

/** Why a listener can run on the engine on `node:net` alone. */
export const reasonForNode = ({ tls }: Pick<ListenerSnapshot, 'tls'>): string =>
	tls?.mode === 'terminate' ? 'terminates TLS' : 'speaks TLS to backends';

type Noted = Pick<ListenerSnapshot, 'name' | 'tls' | 'needsNode'>;

/** Tells which listeners run on another engine than the one that the configuration asks for: once, and when it changes. */
export class EngineNotes {
	private readonly log: Pick<Log, 'info'>;
	private readonly main: EngineName;
	private told = new Map<string, string>();

	constructor(log: Pick<Log, 'info'>, main: EngineName) {
		this.log = log;
		this.main = main;
	}

	/** These listeners are in force. */
	tell(listeners: readonly Noted[]): void {
		if (this.main === 'node') return;
		const onNode = new Map(
			listeners.filter(({ needsNode }) => needsNode).map((listener) => [listener.name, reasonForNode(listener)]),
		);
		for (const [listener, reason] of onNode) {
			if (this.told.get(listener) !== reason) this.log.info('engine node for this listener', { listener, reason });
		}
		for (const { name, needsNode } of listeners) {
			if (!needsNode && this.told.has(name)) this.log.info(`engine ${this.main} for this listener`, { listener: name });
		}
		this.told = onNode;
	}
}
