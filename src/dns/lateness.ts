/** What one address of an authoritative name server had said when the wait for it was given up. */
export interface Outcome {
  readonly hostname: string;
  /** Whether it serves everything that was published. */
  readonly serves: boolean;
  /** Whether it gave an answer at the last look. */
  readonly answered: boolean;
}

/**
 * The likely cause when some name servers do not serve in time what the user's own primary took: they were not told.
 * Undefined where what the servers say points to nothing in particular. Pure.
 */
export function likelyCause(outcomes: readonly Outcome[]): string | undefined {
  const behind = outcomes.filter(({ serves, answered }) => answered && !serves);
  if (behind.length === 0) return undefined;
  const names = [...new Set(behind.map(({ hostname }) => hostname))].join(', ');
  const remedy =
    'Let the primary send NOTIFY after every update, as docs/providers.md says for BIND, Knot and PowerDNS. Where it cannot, raise DNS_PROPAGATION_TIMEOUT above the refresh interval of the SOA record.';
  if (outcomes.some(({ serves }) => serves)) {
    return `The update was made, but ${names} was most likely not told of it: no NOTIFY reached it, or it could not transfer the zone. ${remedy}`;
  }
  return `Check that the domain is delegated to the primary of RFC2136_NAMESERVER and its secondaries. If it is, the secondaries were most likely not told of the update: no NOTIFY reached ${names}. ${remedy}`;
}
