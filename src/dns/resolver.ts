import { getServers } from 'node:dns';
import { isIPv6 } from 'node:net';
import { IngressError, messageOf } from '../errors.ts';
import { type NameServer, type Query, type Question, query, type Reply } from './query.ts';

/** Sends a question to the recursive resolvers. */
export type Resolver = (question: Question, signal: AbortSignal) => Promise<Reply>;

const TIMEOUT_MS = 2000;

/**
 * A resolver that queries each server in turn until one answers. NXDOMAIN is an answer; SERVFAIL,
 * REFUSED and a timeout are not. Throws DNS_LOOKUP_FAILED if no server answers.
 */
export function createResolver(servers: readonly NameServer[], send: Query = query): Resolver {
  return async ({ name, type }, signal) => {
    const failures: string[] = [];
    for (const server of servers) {
      try {
        const reply = await send(server, { name, type }, { timeoutMs: TIMEOUT_MS, signal });
        if (reply.rcode === 'NOERROR' || reply.rcode === 'NXDOMAIN') return reply;
        failures.push(`${server.address} answers ${reply.rcode}`);
      } catch (thrown) {
        signal.throwIfAborted();
        failures.push(`${server.address}: ${messageOf(thrown)}`);
      }
    }
    const message = `no resolver answered for ${name} ${type} (${failures.join('; ') || 'none is configured'})`;
    throw new IngressError('DNS_LOOKUP_FAILED', message, { details: { name, type, failures } });
  };
}

/** The resolvers of the system (/etc/resolv.conf). */
export function systemResolvers(): NameServer[] {
  return getServers().map((text) => {
    const match = isIPv6(text) ? undefined : /^\[?(.*?)\]?(?::(\d+))?$/.exec(text);
    return { address: match?.[1] ?? text, port: Number(match?.[2] ?? 53) };
  });
}

/** The addresses of a name, sorted; a family is undefined if its lookup failed. */
export interface Addresses {
  readonly ipv4: readonly string[] | undefined;
  readonly ipv6: readonly string[] | undefined;
}

/**
 * Looks up the addresses of a name, each family separately: some servers answer AAAA with SERVFAIL.
 * The resolver follows CNAMEs. Throws DNS_LOOKUP_FAILED if one lookup fails and the other finds no
 * address.
 */
export async function lookUpAddresses(
  name: string,
  resolver: Resolver,
  signal: AbortSignal,
): Promise<Addresses> {
  const [ipv4, ipv6] = await Promise.allSettled([
    resolver({ name, type: 'A' }, signal),
    resolver({ name, type: 'AAAA' }, signal),
  ]);
  const addresses = { ipv4: addressesIn(ipv4, 'A'), ipv6: addressesIn(ipv6, 'AAAA') };
  const failed = [ipv4, ipv6].find((lookup) => lookup.status === 'rejected');
  if (failed && allAddresses(addresses).length === 0) throw failed.reason;
  return addresses;
}

function addressesIn(lookup: PromiseSettledResult<Reply>, wanted: 'A' | 'AAAA'): string[] | undefined {
  if (lookup.status === 'rejected') return undefined;
  const found = lookup.value.answers.filter(({ type }) => type === wanted).map(({ value }) => value);
  return [...new Set(found)].sort();
}

/** The known addresses of both families, sorted. */
export function allAddresses({ ipv4 = [], ipv6 = [] }: Addresses): string[] {
  return [...ipv4, ...ipv6].sort();
}
