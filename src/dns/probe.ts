import { messageOf } from '../errors.ts';
import { isWithin } from './name.ts';
import { isUnroutable, type Question, type Reply, type Rr } from './query.ts';
import { type DnsRecord, describeRecord } from './record.ts';

/** A record that every authoritative server must serve. */
export interface Expectation {
  readonly record: DnsRecord;
  /** No other value of the type may stand beside it. */
  readonly alone?: boolean;
  /** The provider answers an alias at the apex as addresses (see Capabilities): any address will do. */
  readonly flattened?: boolean;
}

/** What somebody said who was asked for everything that is expected. */
export type ProbeResult =
  | {
      readonly kind: 'seen';
      /** Records of the same names and types beside those that are expected. */
      readonly beside: readonly Rr[];
    }
  /** An answer in which something is missing or different. */
  | { readonly kind: 'lacks'; readonly what: readonly string[] }
  /** SERVFAIL, REFUSED or a referral to somebody else: it does not serve the zone, or not now. */
  | { readonly kind: 'declines'; readonly what: string }
  /** No answer. */
  | {
      readonly kind: 'silent';
      readonly what: string;
      /** This host has no way to the address. */
      readonly unroutable: boolean;
    };

/** As sentences whose subject is left out; none when all is seen. */
export function describeProbe(said: ProbeResult | undefined): readonly string[] {
  if (said === undefined || said.kind === 'seen') return [];
  return said.kind === 'lacks' ? said.what : [said.what];
}

/** Whoever is looked at. */
export interface ProbeTarget {
  /** Asks one question. Rejects when no answer comes. */
  readonly query: (question: Question) => Promise<Reply>;
  /** It is a resolver: of a name with a CNAME it tells what the target has, not what stands beside it. */
  readonly isResolver?: boolean;
}

/**
 * Asks for everything that is expected in a zone. Whoever lacks something has answered, whatever became of the other
 * questions. Throws the signal's reason only.
 */
export async function probe(
  expectations: readonly Expectation[],
  apex: string,
  witness: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const lacks: string[] = [];
  const found: Rr[] = [];
  let trouble: ProbeResult | undefined;
  for (const expectation of expectations) {
    try {
      const said = await probeOne(expectation, apex, witness);
      if (said.kind === 'lacks') lacks.push(...said.what);
      else if (said.kind === 'seen') found.push(...said.beside);
      else trouble ??= said;
    } catch (thrown) {
      signal.throwIfAborted();
      const what = `did not answer: ${messageOf(thrown)}`;
      trouble ??= { kind: 'silent', what, unroutable: isUnroutable(thrown) };
      // Each further question would take as long.
      break;
    }
  }
  if (lacks.length > 0) return { kind: 'lacks', what: lacks };
  const isExpected = (rr: Rr) =>
    expectations.some(({ record }) => isOwn(rr, record) && rr.value === record.value);
  return trouble ?? { kind: 'seen', beside: found.filter((rr) => !isExpected(rr)) };
}

async function probeOne(
  { record, alone, flattened }: Expectation,
  apex: string,
  { query: ask, isResolver = false }: ProbeTarget,
): Promise<ProbeResult> {
  // A record's type is one that can be asked for: only desired records and challenges come here.
  const reply = await ask({ name: record.name, type: record.type as Question['type'] });
  const declined = whyDeclined(reply, apex);
  if (declined !== undefined) return { kind: 'declines', what: declined };
  const own = reply.answers.filter((rr) => isOwn(rr, record));
  const values = own.map(({ value }) => value);
  const seen: ProbeResult = { kind: 'seen', beside: own };
  if (values.includes(record.value) && !(alone && values.length > 1)) return seen;
  if (isResolver && record.type === 'CAA' && hasAlias(reply, record)) return seen;
  if (flattened && (await hasAddress(record.name, ask))) return seen;
  const said = values.length > 0 ? `serves ${values.join(', ')} there` : `says ${reply.rcode}`;
  return { kind: 'lacks', what: [`lacks ${describeRecord(record)} (${said})`] };
}

/** Why an answer says nothing about the zone. */
function whyDeclined({ rcode, answers, authorities }: Reply, apex: string): string | undefined {
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return `says ${rcode}`;
  const referral = authorities.find(({ type }) => type === 'NS')?.name;
  if (answers.length > 0 || referral === undefined || isWithin(referral, apex)) return undefined;
  return `does not serve ${apex}: it refers to the servers of ${referral === '' ? 'the root' : referral}`;
}

function isOwn(rr: Rr, record: DnsRecord): boolean {
  return rr.type === record.type && rr.name === record.name;
}

function hasAlias({ answers }: Reply, { name }: DnsRecord): boolean {
  return answers.some((rr) => rr.type === 'CNAME' && rr.name === name);
}

async function hasAddress(name: string, ask: ProbeTarget['query']): Promise<boolean> {
  const { answers } = await ask({ name, type: 'A' });
  return answers.some(({ type }) => type === 'A');
}
