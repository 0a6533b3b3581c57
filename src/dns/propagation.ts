import type { Clock } from '../clock.ts';
import { IngressError, messageOf } from '../errors.ts';
import type { AuthoritativeServer, AuthoritativeZone } from './authoritative.ts';
import { likelyCause } from './lateness.ts';
import { type Ask, isUnroutable, type Question, query, type Rr } from './query.ts';
import { type DnsRecord, describeRecord } from './record.ts';

/** A record that every authoritative server must serve. */
export interface Expectation {
  readonly record: DnsRecord;
  /** No other value of the type may stand beside it. */
  readonly alone?: boolean;
  /** The provider answers an alias at the apex as addresses (see Capabilities): any address will do. */
  readonly flattened?: boolean;
}

export interface PropagationOptions {
  readonly clock: Clock;
  /** How a name server is asked. Default: over the network. */
  readonly ask?: Ask;
  readonly signal: AbortSignal;
  /** Milliseconds until it is given up. */
  readonly timeoutMs: number;
  /** Called when the number of servers that still lack something changes. */
  readonly onProgress?: (progress: Progress) => void;
  /** What is not seen after `afterMs` milliseconds may be expected in vain: asked once, and what it gives counts from then on. */
  readonly reconsider?: Reconsideration | undefined;
  /** The secondaries learn of a change by NOTIFY from a primary of the user's own (see Capabilities). */
  readonly byNotify?: boolean;
}

export interface Reconsideration {
  readonly afterMs: number;
  readonly expect: () => Promise<readonly Expectation[]>;
}

export interface Progress {
  readonly servers: number;
  readonly seenBy: number;
  /** What is still waited for, in words. */
  readonly waitingFor: readonly string[];
}

const QUERY_TIMEOUT_MS = 2000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 3000;

/**
 * Waits until every address of every authoritative server of the zone serves every expectation. An address that gives
 * no answer at all, look after look (IPv6 that leads nowhere), is left out once another address of the same server
 * serves it; a server that cannot be asked at any address is waited for. Throws PROPAGATION_TIMEOUT with what each
 * server said last.
 */
export async function waitUntilSeen(
  zone: AuthoritativeZone,
  expectations: readonly Expectation[],
  { clock, ask = query, signal, timeoutMs, onProgress, reconsider, byNotify = false }: PropagationOptions,
): Promise<void> {
  const start = clock.now().getTime();
  const deadline = start + timeoutMs;
  let expected = expectations;
  let doubt = reconsider;
  let looks = unasked(zone);
  let told = -1;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    looks = await Promise.all(
      looks.map((last) => (last.lacks.length > 0 ? look(last, expected, ask, signal) : last)),
    );
    const waiting = looks.filter((one) => one.lacks.length > 0 && !isExcused(one, looks));
    if (waiting.length === 0) return;
    const waitingFor = waiting.flatMap(({ server, lacks }) =>
      lacks.map((lack) => `${server.hostname} (${server.address}) ${lack}`),
    );
    const progress = { servers: looks.length, seenBy: looks.length - waiting.length, waitingFor };
    if (progress.seenBy !== told) onProgress?.(progress);
    told = progress.seenBy;
    const left = deadline - clock.now().getTime();
    if (left <= 0) throw tooLate(zone, timeoutMs, waitingFor, byNotify ? causeOf(looks) : undefined);
    if (doubt && clock.now().getTime() - start >= doubt.afterMs) {
      expected = await doubt.expect();
      doubt = undefined;
      looks = unasked(zone);
    }
    await clock.wait(Math.min(pause, left), signal);
  }
}

function unasked({ servers }: AuthoritativeZone): Look[] {
  return servers.map((server) => ({ server, lacks: ['was not asked yet'], silences: 0 }));
}

/** Looks in a row without an answer after which an address may be left out; a lost packet or two is none of them. */
const SILENCES = 3;

function isExcused(look: Look, looks: readonly Look[]): boolean {
  const enough = look.silences >= SILENCES || look.unroutable === true;
  return (
    enough &&
    looks.some(({ server, lacks }) => server.hostname === look.server.hostname && lacks.length === 0)
  );
}

function causeOf(looks: readonly Look[]): string | undefined {
  return likelyCause(
    looks.map(({ server: { hostname }, lacks, silences }) => ({
      hostname,
      serves: lacks.length === 0,
      answered: silences === 0,
    })),
  );
}

function tooLate(
  zone: AuthoritativeZone,
  timeoutMs: number,
  waitingFor: readonly string[],
  hint: string | undefined,
): IngressError {
  const sentence = `after ${timeoutMs / 1000} s not every name server of ${zone.apex} serves what was published: ${waitingFor.join('; ')}`;
  const context = hint === undefined ? {} : { hint };
  return new IngressError('PROPAGATION_TIMEOUT', sentence, {
    ...context,
    details: { zone: zone.apex, waitingFor },
  });
}

interface Look {
  readonly server: AuthoritativeServer;
  readonly lacks: readonly string[];
  /** How often in a row it gave no answer. */
  readonly silences: number;
  /** This host has no way to the address. */
  readonly unroutable?: boolean;
}

async function look(
  last: Look,
  expectations: readonly Expectation[],
  ask: Ask,
  signal: AbortSignal,
): Promise<Look> {
  const { server } = last;
  try {
    const lacks: string[] = [];
    for (const expectation of expectations) {
      const lack = await lacking(server, expectation, ask, signal);
      if (lack !== undefined) lacks.push(lack);
    }
    return { server, lacks, silences: 0 };
  } catch (thrown) {
    signal.throwIfAborted();
    const lacks = [`did not answer: ${messageOf(thrown)}`];
    return { server, lacks, silences: last.silences + 1, unroutable: isUnroutable(thrown) };
  }
}

async function lacking(
  server: AuthoritativeServer,
  { record, alone, flattened }: Expectation,
  ask: Ask,
  signal: AbortSignal,
): Promise<string | undefined> {
  // A record's type is one that can be asked for: only desired records and challenges come here.
  const question: Question = { name: record.name, type: record.type as Question['type'] };
  const reply = await ask(server, question, { timeoutMs: QUERY_TIMEOUT_MS, signal });
  const values = reply.answers.filter((rr) => isOwn(rr, record)).map(({ value }) => value);
  if (values.includes(record.value) && !(alone && values.length > 1)) return undefined;
  if (flattened && (await hasAddress(server, record.name, ask, signal))) return undefined;
  const said = values.length > 0 ? `serves ${values.join(', ')} there` : `says ${reply.rcode}`;
  return `lacks ${describeRecord(record)} (${said})`;
}

function isOwn(rr: Rr, record: DnsRecord): boolean {
  return rr.type === record.type && rr.name === record.name;
}

async function hasAddress(
  server: AuthoritativeServer,
  name: string,
  ask: Ask,
  signal: AbortSignal,
): Promise<boolean> {
  const { answers } = await ask(server, { name, type: 'A' }, { timeoutMs: QUERY_TIMEOUT_MS, signal });
  return answers.some(({ type }) => type === 'A');
}
