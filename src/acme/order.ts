import type { Clock } from '../clock.ts';
import { challengeName } from '../dns/name.ts';
import { IngressError, isIngressError } from '../errors.ts';
import type { ChallengeValue } from '../records/challenges.ts';
import type { AcmeClient, Authorization, Challenge, Order } from './client.ts';
import { describeProblem, isProblem, readProblem } from './problem.ts';

/** What one authorization of an order asks for: a challenge, and the TXT value that answers it. */
export interface PendingAuthorization {
  readonly authorization: Authorization;
  readonly challenge: Challenge;
  readonly value: ChallengeValue;
}

/** Who is spoken to, and how long. */
export interface AcmeContext {
  readonly client: AcmeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const VALIDATION_TIMEOUT_MS = 180_000;
const ISSUANCE_TIMEOUT_MS = 180_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

/**
 * What has to be proven before the order is ready (RFC 8555 §7.5), by DNS-01; nothing where the CA remembers earlier
 * validations. Throws ACME_* errors.
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

/** The name that an authorization is for; RFC 8555 §7.1.4 says apart that it is a wildcard. */
function domainOf({ identifier: { value }, ...authorization }: Authorization): string {
  // The library's type leaves the field out.
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
  throw new IngressError('ACME_BAD_ANSWER', `the authorization for ${identifier.value} ${why}`);
}

/**
 * Tells the CA that the values stand, and waits until it has seen them. A challenge that was answered before a restart is
 * waited for only. Throws ACME_ORDER_FAILED, whose details name every authorization that failed (`invalid`), ACME_SLOW when
 * the CA has not decided in time, and other ACME_* errors.
 */
export async function solveChallenges(
  proofs: readonly PendingAuthorization[],
  conversation: AcmeContext,
): Promise<void> {
  const { signal } = conversation;
  const unanswered = proofs.filter(({ challenge }) => challenge.status === 'pending');
  await Promise.all(unanswered.map((proof) => answer(proof, conversation)));
  const outcomes = await Promise.allSettled(proofs.map((proof) => waitForProof(proof, conversation)));
  signal.throwIfAborted();
  const failures = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [{ thrown: outcome.reason, domain: proofs[index]?.value.domain }] : [],
  );
  const refused = failures.filter(({ thrown }) => isOrderFailure(thrown));
  const [first] = refused.length > 0 ? refused : failures;
  if (first === undefined) return;
  if (!isOrderFailure(first.thrown)) throw first.thrown;
  const { message, details, cause } = first.thrown;
  const invalid = refused.map(({ domain }) => domain);
  throw new IngressError('ACME_ORDER_FAILED', message, { details: { ...details, invalid }, cause });
}

/** A CA may refuse what it was told before, when its answer to that was lost on the way: the authorization has gone on then. */
async function answer(
  { authorization, challenge }: PendingAuthorization,
  { client, signal }: AcmeContext,
): Promise<void> {
  try {
    await client.respond(challenge, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    if (!isIngressError(thrown, 'ACME_PROBLEM')) throw thrown;
    const { now } = await client.pollAuthorization(authorization, signal);
    const told = now.challenges.find(({ url }) => url === challenge.url) ?? challenge;
    if (now.status === 'pending' && told.status === 'pending') throw thrown;
  }
}

function isOrderFailure(thrown: unknown): thrown is IngressError {
  return thrown instanceof IngressError && thrown.code === 'ACME_ORDER_FAILED';
}

/**
 * Has the CA issue (RFC 8555 §7.4). Of an order that it has finalized, when its answer to that was lost on the way, it says that it is
 * not ready. Throws ACME_* errors.
 */
export async function finalize(order: Order, csr: string, conversation: AcmeContext): Promise<Order> {
  const { client, signal } = conversation;
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
 * Waits until a finalized order is valid, and gives the chain in PEM, leaf first. Throws ACME_ORDER_FAILED when the CA
 * does not issue, ACME_SLOW when it has not in time, and other ACME_* errors.
 */
export async function download(order: Order, conversation: AcmeContext): Promise<string> {
  const { client, signal } = conversation;
  const chain = await client.downloadCertificate(await waitForOrder(order, conversation), signal);
  // The page of somebody between says nothing about the certificate, which is there and can be downloaded again.
  if (!/-----BEGIN CERTIFICATE-----/.test(chain))
    throw new IngressError(
      'ACME_BAD_ANSWER',
      'the certificate authority gives something else than a certificate',
    );
  return chain;
}

async function waitForProof(
  { authorization, value }: PendingAuthorization,
  conversation: AcmeContext,
): Promise<void> {
  const settled = await poll(
    (last) => conversation.client.pollAuthorization(last, conversation.signal),
    authorization,
    ({ status }) => status !== 'pending',
    VALIDATION_TIMEOUT_MS,
    conversation,
  );
  if (settled?.status === 'valid') return;
  if (!settled) throw slow(`validated ${value.domain}`, VALIDATION_TIMEOUT_MS);
  const error = settled.challenges.find((challenge) => challenge.error)?.error;
  throw orderFailed(`the certificate authority could not validate ${value.domain}`, error);
}

async function waitForOrder(order: Order, conversation: AcmeContext): Promise<Order> {
  const settled = await poll(
    (last) => conversation.client.pollOrder(last, conversation.signal),
    order,
    ({ status }) => status === 'valid' || status === 'invalid',
    ISSUANCE_TIMEOUT_MS,
    conversation,
  );
  if (settled?.status === 'valid') return settled;
  if (!settled) throw slow('issued', ISSUANCE_TIMEOUT_MS);
  throw orderFailed('the certificate authority did not issue', settled.error);
}

/**
 * Asks again until the state is settled, as slowly as the CA wants within reason; undefined when the time is over. It waits before it
 * asks: at once nothing can have happened yet.
 */
async function poll<T>(
  ask: (last: T) => Promise<{ now: T; pauseMs: number | undefined }>,
  first: T,
  isSettled: (state: T) => boolean,
  timeoutMs: number,
  { clock, signal }: AcmeContext,
): Promise<T | undefined> {
  let left = timeoutMs;
  let state = first;
  let asked = 0;
  for (let pause = FIRST_PAUSE_MS; !isSettled(state); pause = Math.min(pause * 1.6, LONGEST_PAUSE_MS)) {
    if (left <= 0) return undefined;
    const waitMs = Math.min(Math.max(pause, Math.min(asked, LONGEST_PAUSE_MS)), left);
    await clock.wait(waitMs, signal);
    left -= waitMs;
    const { now, pauseMs } = await ask(state);
    state = now;
    asked = pauseMs ?? 0;
  }
  return state;
}

function slow(what: string, timeoutMs: number): IngressError {
  return new IngressError(
    'ACME_SLOW',
    `the certificate authority has not ${what} within ${timeoutMs / 1000} s`,
  );
}

function orderFailed(sentence: string, error?: unknown): IngressError {
  if (error === undefined) return new IngressError('ACME_ORDER_FAILED', sentence);
  const problem = readProblem(error, undefined);
  const why = describeProblem(problem);
  return new IngressError('ACME_ORDER_FAILED', `${sentence}: ${why}`, { details: { problem } });
}
