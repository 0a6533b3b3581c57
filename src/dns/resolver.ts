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

/**
 * Every IPv4 and IPv6 address of a name, sorted; empty when it has none. Aliases are followed by the resolver. One of the
 * two look-ups may fail when the other gives addresses: some servers answer AAAA with SERVFAIL. Throws
 * DNS_LOOKUP_FAILED.
 */
export async function addressesOf(name: string, resolver: Resolver, signal: AbortSignal): Promise<string[]> {
  const lookups = await Promise.allSettled([
    resolver({ name, type: 'A' }, signal),
    resolver({ name, type: 'AAAA' }, signal),
  ]);
  const replies = lookups.flatMap((lookup) => (lookup.status === 'fulfilled' ? lookup.value.answers : []));
  const found = replies.filter(({ type }) => type === 'A' || type === 'AAAA').map(({ value }) => value);
  const failed = lookups.find((lookup) => lookup.status === 'rejected');
  if (failed && found.length === 0) throw failed.reason;
  return [...new Set(found)].sort();
}
