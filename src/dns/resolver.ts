import { getServers } from 'node:dns';
import { isIPv6 } from 'node:net';
import { IngressError, messageOf } from '../errors.ts';
import { type NameServer, type Question, query, type Reply } from './query.ts';

/** Recursive resolvers to ask, first to last. */
export type Resolver = (question: Question, signal: AbortSignal) => Promise<Reply>;

const TIMEOUT_MS = 2000;

/**
 * A resolver that asks each server in turn until one answers. NXDOMAIN is an answer; SERVFAIL, REFUSED and silence
 * are not. Throws DNS_LOOKUP_FAILED when no server answered.
 */
export function createResolver(servers: readonly NameServer[]): Resolver {
  return async (question, signal) => {
    const failures: string[] = [];
    for (const server of servers) {
      try {
        const reply = await query(server, question, { timeoutMs: TIMEOUT_MS, signal });
        if (reply.rcode === 'NOERROR' || reply.rcode === 'NXDOMAIN') return reply;
        failures.push(`${server.address} says ${reply.rcode}`);
      } catch (thrown) {
        signal.throwIfAborted();
        failures.push(`${server.address}: ${messageOf(thrown)}`);
      }
    }
    const sentence = `no resolver answered for ${question.name} ${question.type} (${failures.join('; ')})`;
    throw new IngressError('DNS_LOOKUP_FAILED', sentence);
  };
}

/** The resolvers of the system (/etc/resolv.conf). */
export function systemResolvers(): NameServer[] {
  return getServers().map((text) => {
    const match = isIPv6(text) ? undefined : /^\[?(.*?)\]?(?::(\d+))?$/.exec(text);
    return { address: match?.[1] ?? text, port: Number(match?.[2] ?? 53) };
  });
}

/** The addresses of a name, sorted; a family is undefined when its look-up failed. */
export interface Addresses {
  readonly ipv4: readonly string[] | undefined;
  readonly ipv6: readonly string[] | undefined;
}

/**
 * The addresses of a name, each family by itself: some servers answer AAAA with SERVFAIL. Aliases are followed by the
 * resolver. Throws DNS_LOOKUP_FAILED when one look-up fails and the other gives no address.
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

/** What is known of both families. */
export function allAddresses({ ipv4 = [], ipv6 = [] }: Addresses): string[] {
  return [...ipv4, ...ipv6].sort();
}

/** Every IPv4 and IPv6 address of a name, sorted; empty when it has none. Throws as `lookUpAddresses` does. */
export async function addressesOf(name: string, resolver: Resolver, signal: AbortSignal): Promise<string[]> {
  return allAddresses(await lookUpAddresses(name, resolver, signal));
}
