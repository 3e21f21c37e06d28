import type { ProbeType } from '../../core/snapshot.ts';
import type { Conversation } from './attempt.ts';
import { dial } from './dial.ts';
import { probeHttp } from './http.ts';
import { probeScript } from './script.ts';
import { probeTls } from './tls.ts';

const probeTcp: Conversation = async (attempt) => void (await dial(attempt));

/** What a probe of this type does once it has its turn. */
export function conversationOf(probe: ProbeType): Conversation {
	switch (probe.type) {
		case 'tcp':
			return probeTcp;
		case 'tls':
			return probeTls;
		case 'http':
			return (attempt) => probeHttp(attempt, probe);
		case 'script':
			return (attempt) => probeScript(attempt, probe.steps);
	}
}
