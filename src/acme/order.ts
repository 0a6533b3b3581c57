import type { Clock } from '../clock.ts';
import type { Secret } from '../config/secret.ts';
import { challengeName } from '../dns/names.ts';
import { IngressError, isIngressError, messageOf } from '../errors.ts';
import type { Authorization, CertificateAuthority, Challenge, Order } from './authority.ts';
import type { ChallengeValue } from './challenges.ts';
import { readProblem } from './problem.ts';
import { createRequest, type KeyType } from './request.ts';

export interface OrderOptions {
  readonly authority: CertificateAuthority;
  readonly names: readonly string[];
  readonly keyType: KeyType;
  /** Publishes the values and resolves when every authoritative server serves them. */
  readonly present: (values: readonly ChallengeValue[], signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface IssuedCertificate {
  readonly chainPem: string;
  readonly keyPem: Secret;
}

const VALIDATION_TIMEOUT_MS = 180_000;
const ISSUANCE_TIMEOUT_MS = 180_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Obtains one certificate by DNS-01 (RFC 8555 §7.4): order, authorizations, challenges, finalization, download. The key
 * is new. Removing the challenge values is the caller's. Throws ACME_* errors and what `present` throws.
 */
export async function obtainCertificate(options: OrderOptions): Promise<IssuedCertificate> {
  const { authority, names, keyType, signal } = options;
  const { order } = await authority.createOrder({ names }, signal);
  await authorize(order, options);
  const { csr, keyPem } = await createRequest(names, keyType);
  return { chainPem: await issue(order, csr, options), keyPem };
}

// Once the order is finalized the CA may have issued, and counts it; whatever fails then must not be repeated soon.
async function issue(order: Order, csr: string, options: OrderOptions): Promise<string> {
  const { authority, signal } = options;
  try {
    const finalized = await authority.finalize(order, csr, signal);
    return await authority.certificate(await waitForOrder(finalized, options), signal);
  } catch (thrown) {
    signal.throwIfAborted();
    if (isIngressError(thrown, 'ACME_ORDER_FAILED')) throw thrown;
    const { retryAfterMs } = isIngressError(thrown) ? thrown : {};
    const details = isIngressError(thrown) ? thrown.details : {};
    throw new IngressError(
      'ACME_ORDER_FAILED',
      `the finalized order gave no certificate: ${messageOf(thrown)}`,
      {
        cause: thrown,
        details,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      },
    );
  }
}

async function authorize(order: Order, options: OrderOptions): Promise<void> {
  const { authority, present, signal } = options;
  const authorizations = await authority.authorizations(order, signal);
  // A CA may remember an earlier validation; then there is nothing to prove.
  const pending = authorizations.filter(({ status }) => status !== 'valid');
  if (pending.length === 0) return;
  const challenges = pending.map((authorization) => ({
    authorization,
    challenge: dnsChallenge(authorization),
  }));
  const values = await Promise.all(
    challenges.map(async ({ authorization, challenge }) => ({
      name: challengeName(authorization.identifier.value),
      value: await authority.challengeValue(challenge, signal),
    })),
  );
  await present(values, signal);
  await Promise.all(challenges.map(({ challenge }) => authority.respond(challenge, signal)));
  await Promise.all(pending.map((authorization) => waitForAuthorization(authorization, options)));
}

function dnsChallenge({ challenges, identifier, status }: Authorization): Challenge {
  const challenge = challenges.find(({ type }) => type === 'dns-01');
  if (challenge && status === 'pending') return challenge;
  const why = challenge ? `is ${status}` : 'offers no dns-01 challenge';
  throw new IngressError('ACME_BAD_ANSWER', `the authorization for ${identifier.value} ${why}`);
}

async function waitForAuthorization(authorization: Authorization, options: OrderOptions): Promise<void> {
  const { value } = authorization.identifier;
  const settled = await poll(
    (last) => options.authority.pollAuthorization(last, options.signal),
    authorization,
    ({ status }) => status !== 'pending',
    VALIDATION_TIMEOUT_MS,
    options,
  );
  if (settled?.status === 'valid') return;
  if (!settled)
    throw orderFailed(
      `the certificate authority did not validate ${value} within ${VALIDATION_TIMEOUT_MS / 1000} s`,
    );
  const error = settled.challenges.find((challenge) => challenge.error)?.error;
  throw orderFailed(`the certificate authority could not validate ${value}`, error);
}

async function waitForOrder(order: Order, options: OrderOptions): Promise<Order> {
  const settled = await poll(
    (last) => options.authority.pollOrder(last, options.signal),
    order,
    ({ status }) => status === 'valid' || status === 'invalid',
    ISSUANCE_TIMEOUT_MS,
    options,
  );
  if (settled?.status === 'valid') return settled;
  if (!settled)
    throw orderFailed(`the certificate authority did not issue within ${ISSUANCE_TIMEOUT_MS / 1000} s`);
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
  { clock, signal }: OrderOptions,
): Promise<T | undefined> {
  const deadline = clock.now().getTime() + timeoutMs;
  let state = first;
  let asked = 0;
  for (let pause = FIRST_PAUSE_MS; !isSettled(state); pause = Math.min(pause * 1.6, LONGEST_PAUSE_MS)) {
    const left = deadline - clock.now().getTime();
    if (left <= 0) return undefined;
    await clock.wait(Math.min(Math.max(pause, Math.min(asked, LONGEST_PAUSE_MS)), left), signal);
    const { now, pauseMs } = await ask(state);
    state = now;
    asked = pauseMs ?? 0;
  }
  return state;
}

function orderFailed(sentence: string, error?: unknown): IngressError {
  if (error === undefined) return new IngressError('ACME_ORDER_FAILED', sentence);
  const problem = readProblem(error, undefined);
  return new IngressError('ACME_ORDER_FAILED', `${sentence}: ${problem.detail}`, { details: { problem } });
}
