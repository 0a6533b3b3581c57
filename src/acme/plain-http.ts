import { type IncomingMessage, request as overTcp, Agent as TcpAgent } from 'node:http';
import { request as overTls, Agent as TlsAgent } from 'node:https';
import process from 'node:process';
import { isIngressError } from '../errors.ts';
import { unreachable } from './no-answer.ts';
import { problemError, readProblem } from './problem.ts';
import { LARGEST_ANSWER, TIMEOUT_MS, type Wire } from './wire.ts';

/** The answer to a request that nobody signed. */
export interface PlainAnswer {
  /** JSON as what it says, anything else as text. */
  readonly body: unknown;
  readonly retryAfterMs: number | undefined;
}

const MOST_REDIRECTIONS = 5;

/**
 * Asks without acme-client, which costs four times the time and twenty MiB more. Follows redirections, and uses the proxy
 * of the environment, as acme-client does. Throws ACME_UNREACHABLE, and ACME_PROBLEM for an answer that is no success.
 */
export async function askPlainly(
  method: 'GET' | 'HEAD',
  url: string,
  wire: Wire,
  signal: AbortSignal,
): Promise<PlainAnswer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    return await follow(method, url, wire, limit);
  } catch (thrown) {
    signal.throwIfAborted();
    if (isIngressError(thrown)) throw thrown;
    throw unreachable({ method, url }, limit.aborted ? limit.reason : thrown);
  }
}

async function follow(method: string, first: string, wire: Wire, signal: AbortSignal): Promise<PlainAnswer> {
  let url = first;
  for (let left = MOST_REDIRECTIONS; ; left -= 1) {
    const sent = wire.clock.now();
    const response = await open(method, url, wire.userAgent, signal);
    const { statusCode: status = 0, headers } = response;
    const retryAfterMs = wire.hear({ url, headers, sent });
    const body = parsed(await read(response));
    if (status >= 200 && status < 300) return { body, retryAfterMs };
    const next = status < 400 && left > 0 ? redirection(url, headers.location) : undefined;
    if (next === undefined) throw problemError(readProblem(body, status, { url, headers }), retryAfterMs);
    url = next;
  }
}

/** Where an answer leads to; nowhere when that would give up TLS. */
function redirection(from: string, location: string | undefined): string | undefined {
  const to = location === undefined ? null : URL.parse(location, from);
  const isKept = to?.protocol === 'https:' || to?.protocol === new URL(from).protocol;
  return isKept ? to?.href : undefined;
}

async function open(
  method: string,
  url: string,
  userAgent: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = { 'User-Agent': userAgent };
  const { http, https } = agents();
  const sent =
    new URL(url).protocol === 'http:'
      ? overTcp(url, { method, headers, signal, agent: http })
      : overTls(url, { method, headers, signal, agent: https });
  sent.on('response', resolve).on('error', reject).end();
  return promise;
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > LARGEST_ANSWER) throw new Error(`the answer has more than ${LARGEST_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

let made: { readonly http: TcpAgent; readonly https: TlsAgent } | undefined;

/** Like Node's own, which look at no proxy. */
function agents(): NonNullable<typeof made> {
  const options = { keepAlive: true, scheduling: 'lifo', timeout: 5000, proxyEnv: process.env } as const;
  made ??= { http: new TcpAgent(options), https: new TlsAgent(options) };
  return made;
}
