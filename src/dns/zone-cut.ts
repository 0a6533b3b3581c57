import { IngressError } from '../errors.ts';
import type { AuthoritativeZone } from './authoritative.ts';
import { challengeName, isWithin } from './name.ts';
import type { Query, Reply } from './query.ts';

/** Where the public DNS looks for a name. */
export interface ZoneCut {
  /** The apex of the zone. */
  readonly apex: string;
  /** Whether a name server has said so; else it is the word of the resolvers, who may remember what is no longer true. */
  readonly isAuthoritative: boolean;
}

const QUERY_TIMEOUT_MS = 2000;
/** Servers that are asked, at the same time; the first one that knows decides. */
const ASKED = 2;

/**
 * Finds the zone in which the public DNS looks for a name, below or at `zone`. No resolver is asked about the name itself: it would
 * remember that it is not there yet. Throws the signal's reason only.
 */
export async function findZoneCut(
  name: string,
  zone: AuthoritativeZone,
  ask: Query,
  signal: AbortSignal,
): Promise<ZoneCut> {
  const decided = new AbortController();
  const limits = { timeoutMs: QUERY_TIMEOUT_MS, signal: AbortSignal.any([signal, decided.signal]) };
  const answers = oneEach(zone).map(async (server) => {
    const holder = holderIn(await ask(server, { name, type: 'SOA' }, limits), name, zone.apex);
    if (holder === undefined) throw new Error(`${server.hostname} does not say where ${name} is`);
    return { apex: holder, isAuthoritative: true };
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

/** An address of each of a few servers. */
function oneEach({ servers }: AuthoritativeZone): AuthoritativeZone['servers'] {
  const first = new Map(servers.toReversed().map((server) => [server.hostname, server]));
  return [...first.values()].toReversed().slice(0, ASKED);
}

/**
 * The zone that an answer for a name's SOA record names: of a referral the one that is delegated, else the one that the server
 * speaks for (RFC 2308 §2). Undefined where it names none at or below the zone that was asked, and where an alias leads elsewhere.
 */
function holderIn({ rcode, answers, authorities }: Reply, name: string, apex: string): string | undefined {
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return undefined;
  const section = answers.length > 0 ? answers : authorities;
  const owner = section.find(({ type }) => type === 'SOA' || (type === 'NS' && answers.length === 0))?.name;
  if (owner === undefined || !isWithin(name, owner) || !isWithin(owner, apex)) return undefined;
  return answers.length === 0 || owner === name ? owner : undefined;
}

/** A name, and the zone of the account that it would be written into. */
export interface ZoneAssignment {
  readonly domain: string;
  /** The apex of the zone. */
  readonly zone: string;
  /** The registered domain of the zone: a delegation that is missing above it is waited for, since it may be yet to come. */
  readonly registeredDomain: string;
}

/**
 * Why what is written for a name would be seen by nobody; undefined when it would be, or when the whole domain is not delegated yet.
 * Pure.
 */
export function delegationFault(
  { domain, zone, registeredDomain: registered }: ZoneAssignment,
  holder: string,
): IngressError | undefined {
  if (holder === zone) return undefined;
  const details = { domain, zone, holder };
  // The cut may be below the name, at the one of its challenges.
  const name = isWithin(domain, holder) ? domain : challengeName(domain);
  if (isWithin(holder, zone))
    return new IngressError(
      'ZONE_NOT_PUBLIC',
      `${name} would be written into the zone ${zone}, but the public DNS looks for it in the zone ${holder}, which ${zone} has delegated to other name servers`,
      {
        hint: `Give the ingress access to the zone ${holder}, where it is hosted, or remove the NS records of ${holder} from ${zone}.`,
        details,
      },
    );
  if (!isWithin(zone, holder) || !isWithin(holder, registered)) return undefined;
  return new IngressError(
    'ZONE_NOT_PUBLIC',
    `${domain} would be written into the zone ${zone} of the account, but nobody has delegated ${zone}: the public DNS looks for it in the zone ${holder}`,
    {
      hint: `Add the NS records of ${zone} to ${holder}, or remove the zone ${zone} from the account and give access to ${holder}.`,
      details,
    },
  );
}
