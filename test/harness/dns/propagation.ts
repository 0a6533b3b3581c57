import assert from 'node:assert/strict';
import type { AuthoritativeServer } from '../../../src/dns/authoritative.ts';
import type { Expectation } from '../../../src/dns/probe.ts';
import { type PropagationOptions, waitForPropagation } from '../../../src/dns/propagation.ts';
import type { NameServer, Query, Question, Reply } from '../../../src/dns/query.ts';
import { IngressError } from '../../../src/errors.ts';
import { createFakeClock } from '../fake-clock.ts';
import { rr } from './resolver.ts';

export const NAME = '_acme-challenge.example.com';
/** The record that a test waits for. */
export const RECORD = { name: NAME, type: 'TXT', value: 'new', ttl: 60 };
export const TIMEOUT_MS = 10_000;

/** What a name server answers; an error stands for no answer. */
export type ServerScript = (
  question: Question,
  signal: AbortSignal,
) => Partial<Reply> | Error | Promise<Reply>;

export const serves: ServerScript = () => ({ answers: [rr(NAME, 'TXT', 'new')] });
export const lacks: ServerScript = () => ({ rcode: 'NXDOMAIN' });
export const servfail: ServerScript = () => ({ rcode: 'SERVFAIL' });
export const refused: ServerScript = () => ({ rcode: 'REFUSED' });
export const refersToRoot: ServerScript = () => ({ authorities: [rr('', 'NS', 'a.root-servers.net')] });
/** Nothing listens at the address. */
export const unreachable: ServerScript = () => noAnswer('ECONNREFUSED');
/** This host has no route to the address. */
export const unroutable: ServerScript = () => noAnswer('ENETUNREACH');

/** Answers as `before` to the first queries, then as `then`. */
export function after(
  queries: number,
  then: ServerScript = serves,
  before: ServerScript = lacks,
): ServerScript {
  let count = 0;
  return (question, signal) => {
    count += 1;
    return (count > queries ? then : before)(question, signal);
  };
}

function noAnswer(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code });
}

/** A script, with the name of the server where the name matters. */
type Entry = ServerScript | readonly [hostname: string, script: ServerScript];

/** Name servers in memory: ns1.example.net at 192.0.2.1 and so on. */
export function nameServers(...entries: readonly Entry[]) {
  const scripts = new Map<NameServer, ServerScript>();
  const queries = entries.map(() => 0);
  const servers = entries.map((entry, index): AuthoritativeServer => {
    const number = index + 1;
    const [hostname, script] = typeof entry === 'function' ? [`ns${number}.example.net`, entry] : entry;
    const server = { hostname, address: `192.0.2.${number}`, port: 53 };
    scripts.set(server, (question, signal) => {
      queries[index] = (queries[index] ?? 0) + 1;
      return script(question, signal);
    });
    return server;
  });
  const query: Query = async (server, question, { signal }) => {
    signal.throwIfAborted();
    const reply = await scripts.get(server)?.(question, signal);
    if (reply === undefined || reply instanceof Error) throw reply;
    return { rcode: 'NOERROR', answers: [], authorities: [], ...reply };
  };
  return { servers, query, queries };
}

export type TestNameServers = ReturnType<typeof nameServers>;

/** Waits until the servers of example.com serve RECORD; the clock advances by itself. */
export function startWait(
  { servers, query }: Pick<TestNameServers, 'servers' | 'query'>,
  options: Partial<PropagationOptions> = {},
  expectations: readonly Expectation[] = [{ record: RECORD }],
) {
  const clock = createFakeClock();
  const waiting = waitForPropagation({ apex: 'example.com', servers }, expectations, {
    ...{ clock, query, signal: new AbortController().signal, timeoutMs: TIMEOUT_MS },
    ...options,
  });
  return { clock, waiting, waited: () => clock.waits.reduce((sum, ms) => sum + ms, 0) };
}

/** Whether a wait lasted until its timeout; a date has no fractions of a millisecond. */
export function assertWholeTime(waited: number, timeoutMs = TIMEOUT_MS): void {
  assert.ok(waited >= timeoutMs && waited < timeoutMs + 1, `${waited} ms`);
}

/** The error of a wait that must fail. */
export async function timeoutOf(waiting: Promise<unknown>): Promise<IngressError> {
  const thrown: unknown = await waiting.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof IngressError, String(thrown));
  assert.equal(thrown.code, 'PROPAGATION_TIMEOUT');
  return thrown;
}

/** What the error says of each server, as `ns1.example.net seen`. */
export function serversIn({ details }: IngressError): string[] {
  return Array.from(Object(details['servers']), (server) => {
    const { hostname, said } = Object(server);
    return `${hostname} ${said}`;
  });
}
