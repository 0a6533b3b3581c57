import { IngressError } from '../errors.ts';
import { baseName, isWithin, selfAndAncestors } from './name.ts';
import type { NameServer } from './query.ts';
import { allAddresses, lookUpAddresses, type Resolver } from './resolver.ts';

/** One address of one authoritative name server. */
export interface AuthoritativeServer extends NameServer {
  readonly hostname: string;
}

/** A zone as the public DNS delegates it, and its authoritative name servers. */
export interface AuthoritativeZone {
  readonly apex: string;
  readonly servers: readonly AuthoritativeServer[];
}

/**
 * Finds the zone of a name, and every address of its authoritative name servers. `zoneName` is the
 * apex that the provider reports, or undefined if the credentials may not read it. Without it the
 * search starts above the name: a resolver that is queried for a name that was just published may
 * cache its absence. Throws DNS_LOOKUP_FAILED.
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
    throw new IngressError('DNS_LOOKUP_FAILED', `the public DNS has no zone for ${name}`, {
      hint: 'Check that the domain is registered and delegated to the name servers of the DNS provider.',
      details: { name },
    });
  }
  const { answers } = await resolver({ name: apex, type: 'NS' }, signal);
  const hostnames = answers.filter((answer) => answer.type === 'NS' && answer.name === apex);
  const lookups = await Promise.allSettled(
    hostnames.map(async ({ value: hostname }) => {
      const addresses = allAddresses(await lookUpAddresses(hostname, resolver, signal));
      return addresses.map((address) => ({ hostname, address, port: 53 }));
    }),
  );
  // Servers without an address are skipped: the CA cannot find their addresses either.
  const servers = lookups.flatMap((lookup) => (lookup.status === 'fulfilled' ? lookup.value : []));
  if (servers.length > 0) return { apex, servers };
  signal.throwIfAborted();
  throw new IngressError('DNS_LOOKUP_FAILED', `no name server of the zone ${apex} has an address`, {
    hint: `Check the delegation of ${apex} at its registrar.`,
    details: { zone: apex },
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
    // RFC 2308 §3: the SOA record of a negative answer is that of the zone, unless a CNAME leads
    // elsewhere.
    const apex = authorities.find(({ type }) => type === 'SOA')?.name ?? '';
    if (answers.length === 0 && apex.includes('.') && isWithin(candidate, apex)) return apex;
  }
  return undefined;
}
