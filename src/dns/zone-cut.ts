import { IngressError } from '../errors.ts';
import type { AuthoritativeZone } from './authoritative.ts';
import { challengeName, isWithin } from './name.ts';
import type { Query, Reply } from './query.ts';

/** The zone that the public DNS serves a name from. */
export interface ZoneCut {
  readonly apex: string;
  /**
   * Whether an authoritative server named the apex; otherwise it comes from the resolvers, whose
   * caches may be outdated.
   */
  readonly isAuthoritative: boolean;
}

const QUERY_TIMEOUT_MS = 2000;
/** Name servers that are queried concurrently; the first one that names a zone decides. */
const QUERIED_SERVERS = 2;

/**
 * Finds the zone, at or below `zone`, that the public DNS serves a name from. Only name servers are
 * queried for the name: a resolver would cache its absence. Throws only the signal's reason.
 */
export async function findZoneCut(
  name: string,
  zone: AuthoritativeZone,
  query: Query,
  signal: AbortSignal,
): Promise<ZoneCut> {
  const decided = new AbortController();
  const limits = { timeoutMs: QUERY_TIMEOUT_MS, signal: AbortSignal.any([signal, decided.signal]) };
  const answers = firstAddresses(zone).map(async (server) => {
    const apex = apexIn(await query(server, { name, type: 'SOA' }, limits), name, zone.apex);
    if (apex === undefined) throw new Error(`${server.hostname} names no zone of ${name}`);
    return { apex, isAuthoritative: true };
  });
  try {
    return await Promise.any(answers);
  } catch {
    signal.throwIfAborted();
    return { apex: zone.apex, isAuthoritative: false };
  } finally {
    decided.abort();
  }
}

/** The first address of each of the first servers. */
function firstAddresses({ servers }: AuthoritativeZone): AuthoritativeZone['servers'] {
  const first = new Map(servers.toReversed().map((server) => [server.hostname, server]));
  return [...first.values()].toReversed().slice(0, QUERIED_SERVERS);
}

/**
 * The zone in the response to a query for a name's SOA record: the delegated one of a referral,
 * otherwise the one of the SOA record (RFC 2308 §2). Undefined if it is not at or below the zone of
 * the server, or if a CNAME leads elsewhere.
 */
function apexIn({ rcode, answers, authorities }: Reply, name: string, zone: string): string | undefined {
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return undefined;
  const section = answers.length > 0 ? answers : authorities;
  const owner = section.find(({ type }) => type === 'SOA' || (type === 'NS' && answers.length === 0))?.name;
  if (owner === undefined || !isWithin(name, owner) || !isWithin(owner, zone)) return undefined;
  return answers.length === 0 || owner === name ? owner : undefined;
}

/** A name, and the zone of the account that its records would be written to. */
export interface ZoneAssignment {
  readonly domain: string;
  /** The apex of the zone. */
  readonly zone: string;
  /**
   * The registered domain of the zone. If it is not delegated itself, that is no fault: its
   * delegation may be pending.
   */
  readonly registeredDomain: string;
}

/**
 * ZONE_NOT_PUBLIC if records written to the assigned zone would not be served, because the public
 * DNS serves the name from the zone `apex`. Undefined if it is the same zone, or if the whole
 * registered domain is not delegated yet. Pure.
 */
export function delegationFault(
  { domain, zone, registeredDomain }: ZoneAssignment,
  apex: string,
): IngressError | undefined {
  if (apex === zone) return undefined;
  const details = { domain, zone, holder: apex };
  // The zone cut may be below the name, at its challenge name.
  const name = isWithin(domain, apex) ? domain : challengeName(domain);
  if (isWithin(apex, zone))
    return new IngressError(
      'ZONE_NOT_PUBLIC',
      `${name} belongs to the zone ${zone} of the account, but the public DNS serves the name from the zone ${apex}, which ${zone} delegates to other name servers`,
      {
        hint: `Give the ingress access to the zone ${apex}, where it is hosted, or remove the NS records of ${apex} from ${zone}.`,
        details,
      },
    );
  if (!isWithin(zone, apex) || !isWithin(apex, registeredDomain)) return undefined;
  return new IngressError(
    'ZONE_NOT_PUBLIC',
    `${domain} belongs to the zone ${zone} of the account, but ${zone} is not delegated: the public DNS serves the name from the zone ${apex}`,
    {
      hint: `Add the NS records of ${zone} to ${apex}, or remove the zone ${zone} from the account and give access to ${apex}.`,
      details,
    },
  );
}
