import { messageOf } from '../errors.ts';
import { isWithin } from './name.ts';
import { isUnroutable, type Question, type Reply, type Rr } from './query.ts';
import { type DnsRecord, describeRecord } from './record.ts';

/** A record that every authoritative server of the zone must serve. */
export interface Expectation {
  readonly record: DnsRecord;
  /** Whether the RRset must hold no other value. */
  readonly alone?: boolean;
  /**
   * Whether the provider flattens a CNAME at the apex (see `Capabilities`): then any address meets
   * the expectation.
   */
  readonly flattened?: boolean;
}

/**
 * The answer of one server to the queries for all expectations. `problems` are phrases without a
 * subject.
 */
export type ProbeResult =
  | {
      readonly kind: 'propagated';
      /** Other records of the expected names and types. */
      readonly siblings: readonly Rr[];
    }
  /** It answers for the zone, and at least one expectation is not met. */
  | { readonly kind: 'stale'; readonly problems: readonly string[] }
  /** SERVFAIL, REFUSED or a referral to another zone: it does not serve the zone, or not now. */
  | { readonly kind: 'lame'; readonly problems: readonly string[] }
  | {
      readonly kind: 'unreachable';
      readonly problems: readonly string[];
      /** Whether this host has no route to the address. */
      readonly unroutable: boolean;
    };

/** Phrases without a subject; none when everything is propagated. */
export function problemsIn(result: ProbeResult | undefined): readonly string[] {
  return result === undefined || result.kind === 'propagated' ? [] : result.problems;
}

/** The server that a probe queries. */
export interface ProbeTarget {
  /** Rejects when no response arrives. */
  readonly query: (question: Question) => Promise<Reply>;
  /**
   * Whether the server is a resolver: for a name with a CNAME it returns the records of the target,
   * not those beside the CNAME.
   */
  readonly isResolver?: boolean;
}

/**
 * Queries one server for every expectation in a zone. A server that answers without an expected
 * record is stale, whatever happens to the other queries. Throws only the signal's reason.
 */
export async function probe(
  expectations: readonly Expectation[],
  apex: string,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const missing: string[] = [];
  const served: Rr[] = [];
  let failure: ProbeResult | undefined;
  for (const expectation of expectations) {
    try {
      const result = await probeOne(expectation, apex, target);
      if (result.kind === 'propagated') served.push(...result.siblings);
      else if (result.kind === 'stale') missing.push(...result.problems);
      else failure ??= result;
    } catch (thrown) {
      signal.throwIfAborted();
      const problems = [`did not answer: ${messageOf(thrown)}`];
      failure ??= { kind: 'unreachable', problems, unroutable: isUnroutable(thrown) };
      // Each further query would time out as well.
      break;
    }
  }
  if (missing.length > 0) return { kind: 'stale', problems: missing };
  const isExpected = (rr: Rr) =>
    expectations.some(({ record }) => isSameRrset(rr, record) && rr.value === record.value);
  return failure ?? { kind: 'propagated', siblings: served.filter((rr) => !isExpected(rr)) };
}

async function probeOne(
  { record, alone, flattened }: Expectation,
  apex: string,
  { query, isResolver = false }: ProbeTarget,
): Promise<ProbeResult> {
  // Expectations are desired records and challenges, whose types can all be queried.
  const reply = await query({ name: record.name, type: record.type as Question['type'] });
  const lameness = whyLame(reply, apex);
  if (lameness !== undefined) return { kind: 'lame', problems: [lameness] };
  const rrset = reply.answers.filter((rr) => isSameRrset(rr, record));
  const values = rrset.map(({ value }) => value);
  const propagated: ProbeResult = { kind: 'propagated', siblings: rrset };
  if (values.includes(record.value) && !(alone && values.length > 1)) return propagated;
  if (isResolver && record.type === 'CAA' && hasCname(reply, record)) return propagated;
  if (flattened && (await hasAddress(record.name, query))) return propagated;
  const answer = values.length > 0 ? `serves ${values.join(', ')}` : `answers ${reply.rcode}`;
  return { kind: 'stale', problems: [`lacks ${describeRecord(record)} (${answer})`] };
}

/** Why a response says nothing about the zone; undefined if it does. */
function whyLame({ rcode, answers, authorities }: Reply, apex: string): string | undefined {
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return `answers ${rcode}`;
  const referral = authorities.find(({ type }) => type === 'NS')?.name;
  if (answers.length > 0 || referral === undefined || isWithin(referral, apex)) return undefined;
  return `does not serve ${apex}: it answers with a referral to ${referral === '' ? 'the root' : referral}`;
}

function isSameRrset(rr: Rr, record: DnsRecord): boolean {
  return rr.type === record.type && rr.name === record.name;
}

function hasCname({ answers }: Reply, { name }: DnsRecord): boolean {
  return answers.some((rr) => rr.type === 'CNAME' && rr.name === name);
}

async function hasAddress(name: string, query: ProbeTarget['query']): Promise<boolean> {
  const { answers } = await query({ name, type: 'A' });
  return answers.some(({ type }) => type === 'A');
}
