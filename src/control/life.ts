import { SluiceError } from '../core/errors.ts';

/** Where a balancer is between its start and its end. */
export class Life {
	phase: 'starting' | 'running' | 'stopping' = 'starting';

	get isStopping(): boolean {
		return this.phase === 'stopping';
	}

	/** For after a wait: it may have been asked to stop meanwhile. @throws SluiceError */
	refuseWhenStopping(): void {
		if (this.isStopping) throw new SluiceError('stopping', 'it is stopping; nothing was changed');
	}
}
