import type { Reply, Rr } from '../../../src/dns/query.ts';
import type { Resolver } from '../../../src/dns/resolver.ts';
import { IngressError } from '../../../src/errors.ts';

/**
 * The answers of a resolver by question, such as `example.com SOA`; `fails` stands for no answer.
 */
export type Knowledge = Readonly<Record<string, Partial<Reply> | 'fails'>>;

export interface MemoryResolver {
  readonly resolve: Resolver;
  /** `example.com SOA`, in the order of the questions. */
  readonly queries: readonly string[];
}

/** A resolver that answers from a table, and NXDOMAIN to every other question. */
export function memoryResolver(known: Knowledge): MemoryResolver {
  const queries: string[] = [];
  return {
    queries,
    async resolve({ name, type }, signal) {
      signal.throwIfAborted();
      queries.push(`${name} ${type}`);
      const reply = known[`${name} ${type}`] ?? { rcode: 'NXDOMAIN' };
      if (reply === 'fails')
        throw new IngressError(
          'DNS_LOOKUP_FAILED',
          `no resolver answered for ${name}`,
          failedLookup(name, type),
        );
      return { rcode: 'NOERROR', answers: [], authorities: [], ...reply };
    },
  };
}

/** The details of the error of a failed lookup. */
export function failedLookup(name: string, type: string) {
  return { details: { name, type } };
}

/** A zone with its delegation: each name server with its addresses. */
export function delegation(apex: string, servers: Readonly<Record<string, readonly string[]>>): Knowledge {
  const known: Record<string, Partial<Reply>> = {
    [`${apex} SOA`]: { answers: [rr(apex, 'SOA', '')] },
    [`${apex} NS`]: { answers: Object.keys(servers).map((hostname) => rr(apex, 'NS', hostname)) },
  };
  for (const [hostname, addresses] of Object.entries(servers)) {
    for (const type of ['A', 'AAAA']) {
      const own = addresses.filter((address) => address.includes(':') === (type === 'AAAA'));
      known[`${hostname} ${type}`] = { answers: own.map((address) => rr(hostname, type, address)) };
    }
  }
  return known;
}

export function rr(name: string, type: string, value: string): Rr {
  return { name, type, value };
}
