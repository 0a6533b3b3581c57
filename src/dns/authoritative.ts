import { IngressError } from '../errors.ts';
import { baseName, isWithin, selfAndAncestors } from './name.ts';
import type { NameServer } from './query.ts';
import { addressesOf, type Resolver } from './resolver.ts';

/** One address of one authoritative name server. */
export interface AuthoritativeServer extends NameServer {
  readonly hostname: string;
}

/** The zone that a name lies in, as the public DNS delegates it, and everybody who serves it. */
export interface AuthoritativeZone {
  readonly apex: string;
  readonly servers: readonly AuthoritativeServer[];
}

/**
 * Finds the zone that holds a name and every address of its authoritative name servers. `zoneName` is the zone by the
 * provider's word, or undefined where the credentials may not read it. Without it the search starts above the name, so
 * that no resolver is asked about a name that was published a moment ago and would remember that it is not there.
 * Throws DNS_LOOKUP_FAILED.
 */
export async function findAuthoritative(
  name: string,
  zoneName: string | undefined,
  resolver: Resolver,
  signal: AbortSignal,
): Promise<AuthoritativeZone> {
  const [own = name, ...above] = selfAndAncestors(zoneName ?? baseName(name));
  const apex = await findApex(zoneName === undefined ? [...above, own] : [own, ...above], resolver, signal);
  if (apex === undefined) {
    throw new IngressError('DNS_LOOKUP_FAILED', `no zone in the public DNS holds ${name}`, {
      hint: 'Check that the domain is registered and delegated to the name servers of the DNS provider.',
    });
  }
  const { answers } = await resolver({ name: apex, type: 'NS' }, signal);
  const hostnames = answers.filter((answer) => answer.type === 'NS' && answer.name === apex);
  const lookups = await Promise.allSettled(
    hostnames.map(async ({ value: hostname }) => {
      const addresses = await addressesOf(hostname, resolver, signal);
      return addresses.map((address) => ({ hostname, address, port: 53 }));
    }),
  );
  // A server that nobody can find is asked by nobody, the CA included.
  const servers = lookups.flatMap((lookup) => (lookup.status === 'fulfilled' ? lookup.value : []));
  if (servers.length > 0) return { apex, servers };
  signal.throwIfAborted();
  throw new IngressError('DNS_LOOKUP_FAILED', `the zone ${apex} has no name server with an address`, {
    hint: `Check the delegation of ${apex} at its registrar.`,
  });
}

async function findApex(
  candidates: readonly string[],
  resolver: Resolver,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const candidate of candidates.filter((name) => name.includes('.'))) {
    const { answers, authorities } = await resolver({ name: candidate, type: 'SOA' }, signal);
    if (answers.some((answer) => answer.type === 'SOA' && answer.name === candidate)) return candidate;
    // RFC 2308 §3: the SOA of a negative answer names the zone that speaks, unless an alias led elsewhere.
    const speaker = authorities.find(({ type }) => type === 'SOA')?.name ?? '';
    if (answers.length === 0 && speaker.includes('.') && isWithin(candidate, speaker)) return speaker;
  }
  return undefined;
}
