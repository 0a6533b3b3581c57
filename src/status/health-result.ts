/** The result of a health check. */
export interface Health {
  /** `starting` while nothing is served yet and the operator need not act. */
  readonly status: 'healthy' | 'starting' | 'unhealthy';
  /** One sentence that starts with the status and a colon. */
  readonly sentence: string;
  /** Everything that is wrong; `status` says whether it makes the host unhealthy. */
  readonly problems: readonly HealthProblem[];
}

/** Something wrong with one name. */
export interface HealthProblem {
  readonly domain: string;
  readonly kind:
    | 'expired'
    /** Still valid, but it should have been renewed by now. */
    | 'ends-soon'
    | 'no-certificate'
    /** Presented, but not usable for the name. */
    | 'wrong-certificate'
    | 'not-listening'
    | 'no-socket'
    | 'handshake-failed';
}

/** The result for an unhealthy host. */
export function unhealthy(why: string, problems: readonly HealthProblem[] = []): Health {
  return { status: 'unhealthy', sentence: `unhealthy: ${why}`, problems };
}

/** The problem of a name that has no certificate yet. */
export function withoutCertificate(domain: string): HealthProblem {
  return { domain, kind: 'no-certificate' };
}
