import { isDeepStrictEqual } from 'node:util';
import type { CertificateFacts } from '../../src/certificates/certificate.ts';
import {
  nextPoll,
  type RenewalAdvice,
  readRenewalInfo,
  renewalJitter,
} from '../../src/certificates/renewal/ari.ts';
import { decideRenewal } from '../../src/certificates/renewal/policy.ts';
import { IngressError } from '../../src/errors.ts';
import { isRefusal, orderDelayMs, reconcileDelayMs } from '../../src/reconcile/backoff.ts';
import { createRandom } from './random.ts';
import { createRateLimits, type RateLimits } from './rate-limits.ts';
import { DAY, HOUR, type Scenario } from './scenario.ts';

/** The result of a simulated year. */
export interface Year {
  readonly orders: number;
  readonly failedOrders: number;
  /** The times of issuances, in milliseconds since the start of the year. */
  readonly issued: readonly number[];
  /**
   * The shortest remaining validity, in milliseconds; negative if no valid certificate was served
   * for that long.
   */
  readonly leastLeft: number;
  /** Descriptions of exceeded limits. */
  readonly exceeded: readonly string[];
}

const YEAR = 365 * DAY;
/** The date at which the year starts. */
const EPOCH = Date.parse('2026-01-01T00:00:00Z');
/** Let's Encrypt backdates certificates. */
const BACKDATED = HOUR;

/** The environment and its state. Times in milliseconds since the start of the year. */
interface World {
  readonly scenario: Scenario;
  readonly lifetime: number;
  readonly random: () => number;
  readonly limits: RateLimits;
  time: number;
  /** When a run first found that the stored certificate is due. */
  dueSince: number | undefined;
  orders: number;
  failedOrders: number;
  leastLeft: number;
  readonly issued: number[];
}

/** The state that the ingress keeps between runs; times are those of its own clock. */
interface Memory {
  stored: CertificateFacts | undefined;
  readonly issuedAt: Date[];
  advice: RenewalAdvice | undefined;
  askAgainAt: number;
  /** The renewal jitter of the certificate. */
  jitter: number;
  /**
   * The last decision to keep the certificate; undefined once an input of the decision has changed.
   */
  keepDecision: { readonly since: number; readonly until: number } | undefined;
  /** Consecutive failed runs, and orders that the CA refused. */
  failures: { readonly runs: number; readonly refusals: number };
  orderNotBefore: number;
  retryAt: number | undefined;
}

/**
 * Maintains one certificate of this lifetime (milliseconds) for a year, with a run every hour and,
 * after failures, when the back-off is over. The policy, the parser of advice and the back-off are
 * the program's; the CA, the DNS and the clock are simulated.
 */
export function simulateYear(lifetime: number, scenario: Scenario, seed: number): Year {
  const world = createWorld(lifetime, scenario, seed);
  const memory = createMemory();
  let hour = world.random() * HOUR;
  while (world.time < YEAR) {
    reconcile(world, memory);
    if (hour <= world.time) hour += HOUR;
    const retry = memory.retryAt === undefined ? hour : memory.retryAt - clock(world).getTime() + world.time;
    // Hourly runs cover every name.
    world.time = Math.min(hour, Math.max(retry, world.time + 1000));
  }
  world.time = YEAR;
  measure(world, memory.stored);
  const { orders, failedOrders, issued, leastLeft, limits } = world;
  return { orders, failedOrders, issued, leastLeft, exceeded: limits.exceeded };
}

function createWorld(lifetime: number, scenario: Scenario, seed: number): World {
  return {
    scenario,
    lifetime,
    random: createRandom(seed),
    limits: createRateLimits(),
    time: 0,
    dueSince: undefined,
    orders: 0,
    failedOrders: 0,
    leastLeft: Number.POSITIVE_INFINITY,
    issued: [],
  };
}

function createMemory(): Memory {
  return {
    stored: undefined,
    issuedAt: [],
    advice: undefined,
    askAgainAt: 0,
    jitter: 0,
    keepDecision: undefined,
    failures: { runs: 0, refusals: 0 },
    orderNotBefore: 0,
    retryAt: undefined,
  };
}

/** The current time by the ingress's clock. */
function clock({ time, lifetime, scenario }: World): Date {
  return new Date(EPOCH + time + (scenario.clockAhead?.(time, lifetime) ?? 0));
}

/** One run, as in src/reconcile. */
function reconcile(world: World, memory: Memory): void {
  const now = clock(world);
  try {
    if (memory.stored) refreshAdvice(world, memory, memory.stored, now);
    const deferred = isDue(world, memory, now) && !order(world, memory, now);
    memory.failures = { runs: 0, refusals: deferred ? memory.failures.refusals : 0 };
    memory.retryAt = deferred ? memory.orderNotBefore : undefined;
  } catch (thrown) {
    const { runs, refusals } = memory.failures;
    memory.failures = { runs: runs + 1, refusals: refusals + (isRefusal(thrown) ? 1 : 0) };
    const orderMs = orderDelayMs(thrown, memory.failures.refusals, world.random());
    if (orderMs > 0) memory.orderNotBefore = now.getTime() + orderMs;
    const retryMs = reconcileDelayMs(thrown, memory.failures.runs, world.random());
    memory.retryAt = now.getTime() + Math.max(retryMs, orderMs);
  }
}

/** Queries the CA for renewal information when that is due. */
function refreshAdvice(
  { scenario, time, lifetime }: World,
  memory: Memory,
  stored: CertificateFacts,
  now: Date,
): void {
  if (!scenario.advice || now.getTime() < memory.askAgainAt) return;
  const certificate = {
    start: stored.notBefore.getTime() - EPOCH,
    end: stored.notAfter.getTime() - EPOCH,
    lifetime,
  };
  const answer = scenario.advice(certificate, time);
  const isWindow = typeof answer === 'object' && 'start' in answer;
  const body = isWindow ? { suggestedWindow: { start: iso(answer.start), end: iso(answer.end) } } : answer;
  const advice = readRenewalInfo(body);
  if (advice && !isDeepStrictEqual(advice, memory.advice)) {
    memory.advice = advice;
    memory.keepDecision = undefined;
  }
  memory.askAgainAt = nextPoll(isWindow ? 6 * HOUR : undefined, now).getTime();
}

function iso(time: number): string {
  return new Date(EPOCH + time).toISOString();
}

/**
 * Reuses a decision while it is valid, to save time; the policy's tests show that this is
 * equivalent.
 */
function isDue(world: World, memory: Memory, now: Date): boolean {
  const { stored, advice, issuedAt, keepDecision } = memory;
  const time = now.getTime();
  if (keepDecision && keepDecision.since <= time && time < keepDecision.until) return false;
  const decision = decideRenewal({
    certificate: stored,
    unusable: stored && now >= stored.notAfter ? 'it has expired' : undefined,
    advice,
    issuedAt,
    now,
    daysBefore: world.scenario.daysBefore,
    jitter: memory.jitter,
  });
  const isKept = decision.action === 'keep';
  memory.keepDecision = isKept ? { since: time, until: decision.until.getTime() } : undefined;
  if (!isKept && stored) world.dueSince ??= world.time;
  return !isKept;
}

/** Returns false during the back-off after a failure. Throws the error of a failed order. */
function order(world: World, memory: Memory, now: Date): boolean {
  if (now.getTime() < memory.orderNotBefore) return false;
  world.orders++;
  try {
    const issued = issue(world, memory.stored !== undefined);
    measure(world, memory.stored);
    store(memory, issued, now);
    world.dueSince = undefined;
    return true;
  } catch (thrown) {
    world.failedOrders++;
    throw thrown;
  }
}

function store(memory: Memory, issued: CertificateFacts, now: Date): void {
  memory.stored = issued;
  memory.jitter = renewalJitter(issued);
  memory.issuedAt.push(now);
  memory.advice = undefined;
  memory.askAgainAt = 0;
}

// Created once, because capturing thousands of stacks is slow.
const UNREACHABLE = new IngressError('ACME_UNREACHABLE', 'no answer');
const NOT_VALIDATED = new IngressError('ACME_ORDER_FAILED', 'no TXT record');

/** Simulates the CA. Throws the errors of src/acme. */
function issue(world: World, isRenewal: boolean): CertificateFacts {
  const { scenario, limits, time, lifetime, random } = world;
  const hasExemption = scenario.hasExemption ?? scenario.advice !== undefined;
  // Every issued certificate is stored, so none is replaced twice.
  const exempt = hasExemption && isRenewal;
  limits.order(time, exempt);
  if (isOut(world, 'ca')) throw UNREACHABLE;
  if (isOut(world, 'dns')) {
    limits.fail(time);
    throw NOT_VALIDATED;
  }
  limits.issue(time, exempt);
  world.issued.push(time);
  const notBefore = EPOCH + time - BACKDATED;
  return {
    names: ['app.example.com'],
    serial: '01',
    fingerprint256: fingerprint(random),
    issuer: 'CN=CA',
    notBefore: new Date(notBefore),
    notAfter: new Date(notBefore + lifetime - 1000),
  };
}

function isOut({ scenario: { outages = [] }, time, dueSince }: World, what: 'ca' | 'dns'): boolean {
  return outages.some((outage) => {
    const starts = outage.at === 'due' ? [dueSince ?? Number.POSITIVE_INFINITY] : outage.at;
    return outage.what === what && starts.some((start) => start <= time && time < start + outage.lasts);
  });
}

/**
 * Measures the remaining validity of the served certificate, which is shortest just before its
 * replacement.
 */
function measure(world: World, stored: CertificateFacts | undefined): void {
  if (stored) world.leastLeft = Math.min(world.leastLeft, stored.notAfter.getTime() - EPOCH - world.time);
}

function fingerprint(random: () => number): string {
  const bytes = Array.from({ length: 32 }, () =>
    Math.floor(random() * 256)
      .toString(16)
      .padStart(2, '0'),
  );
  return bytes.join(':');
}
