import type { Clock } from '../clock.ts';
import { challengeName } from '../dns/name.ts';
import { DAY_MS } from '../duration.ts';
import { IngressError, isIngressError } from '../errors.ts';
import type { ChallengeValue } from '../records/challenges.ts';
import type { AcmeClient, Authorization, Challenge, Order } from './client.ts';
import { describeProblem, isProblem, readProblem } from './problem.ts';

/**
 * An authorization that is not valid yet: its dns-01 challenge, and the TXT value that the
 * challenge requires.
 */
export interface PendingAuthorization {
  readonly authorization: Authorization;
  readonly challenge: Challenge;
  readonly value: ChallengeValue;
}

export interface AcmeContext {
  readonly client: AcmeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const VALIDATION_TIMEOUT_MS = 180_000;
const ISSUANCE_TIMEOUT_MS = 180_000;
const MIN_POLL_MS = 200;
const MAX_POLL_MS = 10_000;

/**
 * The authorizations of an order that are still to be validated, by dns-01 (RFC 8555 §7.5); none if
 * the CA reuses earlier ones. Throws ACME_ORDER_FAILED for an authorization that failed before a
 * restart, and other ACME_* errors.
 */
export async function pendingAuthorizations(
  order: Order,
  { client, signal }: AcmeContext,
): Promise<PendingAuthorization[]> {
  const authorizations = await client.getAuthorizations(order, signal);
  return Promise.all(
    authorizations
      .filter(({ status }) => status !== 'valid')
      .map(async (authorization) => {
        const challenge = dnsChallenge(authorization);
        const value = await client.challengeValue(challenge, signal);
        const domain = domainOf(authorization);
        return { authorization, challenge, value: { domain, name: challengeName(domain), value } };
      }),
  );
}

/**
 * The name that an authorization is for. RFC 8555 §7.1.4 marks a wildcard in a field of its own.
 */
function domainOf({ identifier: { value }, ...authorization }: Authorization): string {
  // acme-client's type lacks the field.
  const { wildcard } = authorization as { readonly wildcard?: boolean };
  return wildcard === true && !value.startsWith('*.') ? `*.${value}` : value;
}

function dnsChallenge({
  challenges,
  identifier,
  status,
  error,
}: Authorization & { error?: unknown }): Challenge {
  const challenge = challenges.find(({ type }) => type === 'dns-01');
  if (challenge && status === 'pending') return challenge;
  if (challenge && status === 'invalid')
    throw orderFailed(
      `the certificate authority could not validate ${identifier.value}`,
      error ?? challenge.error,
    );
  const why = challenge ? `is ${status}` : 'offers no dns-01 challenge';
  throw new IngressError('ACME_BAD_ANSWER', `the authorization for ${identifier.value} ${why}`, {
    details: { domain: identifier.value, status, challenges: challenges.map(({ type }) => type) },
  });
}

/**
 * Responds to the challenges, and waits until the CA has validated them all. Call it once the TXT
 * values are published. A challenge that an earlier run has responded to is only polled. Throws
 * ACME_ORDER_FAILED, with every failed name in its details (`invalid`), ACME_SLOW after 180
 * seconds, and other ACME_* errors.
 */
export async function solveChallenges(
  authorizations: readonly PendingAuthorization[],
  context: AcmeContext,
): Promise<void> {
  const { signal } = context;
  const unanswered = authorizations.filter(({ challenge }) => challenge.status === 'pending');
  await Promise.all(unanswered.map((authorization) => respond(authorization, context)));
  const outcomes = await Promise.allSettled(
    authorizations.map((authorization) => waitForValidation(authorization, context)),
  );
  signal.throwIfAborted();
  const failures = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected'
      ? [{ thrown: outcome.reason, domain: authorizations[index]?.value.domain }]
      : [],
  );
  const refused = failures.filter(({ thrown }) => isIngressError(thrown, 'ACME_ORDER_FAILED'));
  const [first] = refused.length > 0 ? refused : failures;
  if (first === undefined) return;
  if (!isIngressError(first.thrown, 'ACME_ORDER_FAILED')) throw first.thrown;
  const { message, details, cause } = first.thrown;
  const invalid = refused.map(({ domain }) => domain);
  throw new IngressError('ACME_ORDER_FAILED', message, { details: { ...details, invalid }, cause });
}

/**
 * If the HTTP response to a challenge response was lost, the retry may be refused. The
 * authorization or the challenge is then no longer pending, and the refusal is ignored.
 */
async function respond(
  { authorization, challenge }: PendingAuthorization,
  { client, signal }: AcmeContext,
): Promise<void> {
  try {
    await client.respond(challenge, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    if (!isIngressError(thrown, 'ACME_PROBLEM')) throw thrown;
    const { now } = await client.pollAuthorization(authorization, signal);
    const current = now.challenges.find(({ url }) => url === challenge.url) ?? challenge;
    if (now.status === 'pending' && current.status === 'pending') throw thrown;
  }
}

/**
 * Finalizes an order (RFC 8555 §7.4). If the response to an earlier attempt was lost, the CA
 * refuses with orderNotReady; the order is then read instead. Throws ACME_* errors.
 */
export async function finalize(order: Order, csr: string, context: AcmeContext): Promise<Order> {
  const { client, signal } = context;
  try {
    return await client.finalize(order, csr, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    if (!isProblem(thrown, 'orderNotReady')) throw thrown;
    const { now } = await client.pollOrder(order, signal);
    if (now.status === 'pending' || now.status === 'ready') throw thrown;
    return now;
  }
}

/**
 * Waits until a finalized order is valid, and downloads the chain in PEM, leaf first. Throws
 * ACME_ORDER_FAILED if the CA does not issue, ACME_SLOW after 180 seconds, and other ACME_* errors.
 */
export async function download(order: Order, context: AcmeContext): Promise<string> {
  const { client, signal } = context;
  const chain = await client.downloadCertificate(await waitForIssuance(order, context), signal);
  // Probably an intercepting proxy's page. The certificate exists, and can be downloaded again.
  if (!/-----BEGIN CERTIFICATE-----/.test(chain))
    throw new IngressError(
      'ACME_BAD_ANSWER',
      'the certificate authority returned something other than a certificate',
    );
  return chain;
}

async function waitForValidation(
  { authorization, value }: PendingAuthorization,
  context: AcmeContext,
): Promise<void> {
  const settled = await poll(
    (last) => context.client.pollAuthorization(last, context.signal),
    authorization,
    ({ status }) => status !== 'pending',
    VALIDATION_TIMEOUT_MS,
    context,
  );
  if (settled?.status === 'valid') return;
  if (!settled) throw slow(`validate ${value.domain}`, VALIDATION_TIMEOUT_MS);
  const error = settled.challenges.find((challenge) => challenge.error)?.error;
  throw orderFailed(`the certificate authority could not validate ${value.domain}`, error);
}

async function waitForIssuance(order: Order, context: AcmeContext): Promise<Order> {
  const settled = await poll(
    (last) => context.client.pollOrder(last, context.signal),
    order,
    ({ status }) => status === 'valid' || status === 'invalid',
    ISSUANCE_TIMEOUT_MS,
    context,
  );
  if (settled?.status === 'valid') return settled;
  if (!settled) throw slow('issue the certificate', ISSUANCE_TIMEOUT_MS);
  throw orderFailed('the certificate authority did not issue the certificate', settled.error);
}

/**
 * Polls until the state is settled; undefined after the timeout. Pauses grow from 200 ms to 10 s;
 * the CA's Retry-After lengthens the next pause, up to 10 s. Waits before the first request:
 * nothing can have changed yet.
 */
async function poll<T>(
  request: (last: T) => Promise<{ now: T; pauseMs: number | undefined }>,
  first: T,
  isSettled: (state: T) => boolean,
  timeoutMs: number,
  { clock, signal }: AcmeContext,
): Promise<T | undefined> {
  let left = timeoutMs;
  let state = first;
  let retryAfterMs = 0;
  for (let backoffMs = MIN_POLL_MS; !isSettled(state); backoffMs = Math.min(backoffMs * 1.6, MAX_POLL_MS)) {
    if (left <= 0) return undefined;
    const waitMs = Math.min(Math.max(backoffMs, Math.min(retryAfterMs, MAX_POLL_MS)), left);
    await clock.wait(waitMs, signal);
    left -= waitMs;
    const { now, pauseMs } = await request(state);
    state = now;
    retryAfterMs = pauseMs ?? 0;
  }
  return state;
}

function slow(what: string, timeoutMs: number): IngressError {
  const message = `the certificate authority did not ${what} within ${timeoutMs / 1000} s`;
  return new IngressError('ACME_SLOW', message);
}

function orderFailed(sentence: string, error?: unknown): IngressError {
  if (error === undefined) return new IngressError('ACME_ORDER_FAILED', sentence);
  const problem = readProblem(error, undefined);
  const why = describeProblem(problem);
  return new IngressError('ACME_ORDER_FAILED', `${sentence}: ${why}`, { details: { problem } });
}

/** Milliseconds after which an order that is still processing counts as lost. */
const MAX_PROCESSING_MS = DAY_MS;

export interface OrderAge {
  /** When the order was created, by our clock. */
  readonly createdAt: Date;
  readonly now: Date;
  /** The CA's clock minus ours, in milliseconds. */
  readonly skewMs: number | undefined;
}

/** Why an order or its download is abandoned. */
export interface Abandonment {
  readonly reason: 'expired' | 'stalled';
  /** Human-readable; the subject is the order. */
  readonly sentence: string;
}

/**
 * Why an order will not lead to a certificate; undefined while it may. An order that is not valid
 * by its `expires` never will be (RFC 8555 §7.1.6), and a CA that is still processing after a day
 * has lost it. A valid order has its certificate. Pure.
 */
export function whyAbandoned(
  { status, expires }: Pick<Order, 'status' | 'expires'>,
  age: OrderAge,
): Abandonment | undefined {
  if (status === 'valid') return undefined;
  const expiredAt = expiry(expires, age);
  if (expiredAt !== undefined)
    return { reason: 'expired', sentence: `it is ${status} although it expired at ${expiredAt}` };
  if (status !== 'processing' || !isADayOld(age)) return undefined;
  return { reason: 'stalled', sentence: 'it has been processing for a day' };
}

/**
 * Why a valid order's certificate will not become available; undefined while it may only be late.
 * Pure.
 */
export function whyDownloadAbandoned(
  { expires }: Pick<Order, 'expires'>,
  age: OrderAge,
): Abandonment | undefined {
  const expiredAt = expiry(expires, age);
  if (expiredAt !== undefined)
    return { reason: 'expired', sentence: `it expired at ${expiredAt} without a certificate` };
  return isADayOld(age)
    ? { reason: 'stalled', sentence: 'its certificate has been unavailable for a day' }
    : undefined;
}

/** The time of `expires`, by the CA's clock, if it has passed. */
function expiry(expires: string | undefined, { now, skewMs = 0 }: OrderAge): string | undefined {
  const end = Date.parse(expires ?? '');
  return end <= now.getTime() + skewMs ? new Date(end).toISOString() : undefined;
}

/**
 * If the clock was set back, an order may lie far in the future. Its age is unknown, so it counts
 * as old.
 */
function isADayOld({ createdAt, now }: OrderAge): boolean {
  return Math.abs(now.getTime() - createdAt.getTime()) >= MAX_PROCESSING_MS;
}
