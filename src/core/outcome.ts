/**
 * How a session ended. The same word is the log field and the metric label.
 * A member is added by the work that can produce it; `completed` alone is not an error.
 */
export const OUTCOMES = [
	'completed',
	'client-reset',
	'backend-reset',
	'client-left',
	'idle-timeout',
	'half-close-timeout',
	'max-duration',
	'drained',
	'killed',
	'shutdown',
	'no-route',
	'access-denied',
	'rate-limited',
	'max-connections',
	'pool-full',
	'pool-down',
	'queue-timeout',
	'connect-failed',
	'own-shortage',
	'proxy-header-invalid',
	'proxy-header-timeout',
	'not-tls',
	'client-hello-invalid',
	'client-hello-timeout',
	'tls-failed',
	'upstream-tls-failed',
	'internal-error',
] as const;

export type Outcome = (typeof OUTCOMES)[number];

/** Why a client is turned away before it has a backend. */
export type Refusal = Extract<
	Outcome,
	'no-route' | 'access-denied' | 'rate-limited' | 'max-connections' | 'pool-full' | 'pool-down'
>;

/**
 * How a refusal looks to the client: `close` sends FIN, `reset` sends RST, `silent` holds the
 * connection unanswered for `holdFor` and then resets it, `tarpit` delays by `holdFor` and then serves.
 */
export const REFUSAL_MANNERS = ['close', 'reset', 'silent', 'tarpit'] as const;
export type RefusalManner = (typeof REFUSAL_MANNERS)[number];

/** Why a connect to a backend failed; `own-shortage` is ours (EMFILE, EADDRNOTAVAIL, ENOBUFS), never the backend's fault. */
export type ConnectFailure = 'refused' | 'timeout' | 'unreachable' | 'own-shortage';
