import { isDeepStrictEqual } from 'node:util';
import type { CertificateFacts } from '../../src/certificates/certificate.ts';
import {
  nextLook,
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

/** What came of a year. */
export interface Year {
  readonly orders: number;
  readonly failedOrders: number;
  /** When certificates were issued, in milliseconds since the year began. */
  readonly issued: readonly number[];
  /** Milliseconds that were left at the worst moment; negative when nothing valid was served for so long. */
  readonly leastLeft: number;
  /** The limits that were exceeded, in words. */
  readonly exceeded: readonly string[];
}

const YEAR = 365 * DAY;
/** What the year begins at, as far as calendars matter. */
const EPOCH = Date.parse('2026-01-01T00:00:00Z');
/** Let's Encrypt dates certificates back. */
const BACKDATED = HOUR;

/** What the world is like, and what has happened to it. Moments in milliseconds since the year began. */
interface World {
  readonly scenario: Scenario;
  readonly lifetime: number;
  readonly random: () => number;
  readonly limits: RateLimits;
  time: number;
  /** When a pass first found that what is stored has to be renewed. */
  dueSince: number | undefined;
  orders: number;
  failedOrders: number;
  leastLeft: number;
  readonly issued: number[];
}

/** What the ingress remembers between its passes, by its own clock. */
interface Memory {
  stored: CertificateFacts | undefined;
  readonly issuedAt: Date[];
  advice: RenewalAdvice | undefined;
  lookAt: number;
  /** Of the certificate. */
  random: number;
  /** What was decided last, and when; undefined since something has changed that the decision is made from. */
  kept: { readonly since: number; readonly until: number } | undefined;
  /** In a row: rounds, and orders that the CA refused. */
  failures: { readonly passes: number; readonly refusals: number };
  orderNotBefore: number;
  retryAt: number | undefined;
}

/**
 * Keeps one certificate of this lifetime (milliseconds) for a year, with a pass every hour and, after failures, when the back-off is
 * over. The policy, the reading of advice and the back-off are those of the program; the CA, the DNS and the clock are not.
 */
export function simulateYear(lifetime: number, scenario: Scenario, seed: number): Year {
  const world = createWorld(lifetime, scenario, seed);
  const memory = createMemory();
  let hour = world.random() * HOUR;
  while (world.time < YEAR) {
    pass(world, memory);
    if (hour <= world.time) hour += HOUR;
    const retry = memory.retryAt === undefined ? hour : memory.retryAt - clock(world).getTime() + world.time;
    // A round that is due by itself is over every name.
    world.time = Math.min(hour, Math.max(retry, world.time + 1000));
  }
  world.time = YEAR;
  look(world, memory.stored);
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
    lookAt: 0,
    random: 0,
    kept: undefined,
    failures: { passes: 0, refusals: 0 },
    orderNotBefore: 0,
    retryAt: undefined,
  };
}

/** What the ingress takes for now. */
function clock({ time, lifetime, scenario }: World): Date {
  return new Date(EPOCH + time + (scenario.clockAhead?.(time, lifetime) ?? 0));
}

/** As src/reconcile does it. */
function pass(world: World, memory: Memory): void {
  const now = clock(world);
  try {
    if (memory.stored) ask(world, memory, memory.stored, now);
    const heldBack = isDue(world, memory, now) && !order(world, memory, now);
    memory.failures = { passes: 0, refusals: heldBack ? memory.failures.refusals : 0 };
    memory.retryAt = heldBack ? memory.orderNotBefore : undefined;
  } catch (thrown) {
    const { passes, refusals } = memory.failures;
    memory.failures = { passes: passes + 1, refusals: refusals + (isRefusal(thrown) ? 1 : 0) };
    const orderMs = orderDelayMs(thrown, memory.failures.refusals, world.random());
    if (orderMs > 0) memory.orderNotBefore = now.getTime() + orderMs;
    const passMs = reconcileDelayMs(thrown, memory.failures.passes, world.random());
    memory.retryAt = now.getTime() + Math.max(passMs, orderMs);
  }
}

/** Asks the CA for advice when it is time for that. */
function ask({ scenario, time, lifetime }: World, memory: Memory, stored: CertificateFacts, now: Date): void {
  if (!scenario.advice || now.getTime() < memory.lookAt) return;
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
    memory.kept = undefined;
  }
  memory.lookAt = nextLook(isWindow ? 6 * HOUR : undefined, now).getTime();
}

function iso(time: number): string {
  return new Date(EPOCH + time).toISOString();
}

/** Not decided anew while it cannot be otherwise, as the tests of the policy prove: a year has many hours. */
function isDue(world: World, memory: Memory, now: Date): boolean {
  const { stored, advice, issuedAt, kept } = memory;
  const time = now.getTime();
  if (kept && kept.since <= time && time < kept.until) return false;
  const decision = decideRenewal({
    certificate: stored,
    unusable: stored && now >= stored.notAfter ? 'it has expired' : undefined,
    advice,
    issuedAt,
    now,
    daysBefore: world.scenario.daysBefore,
    jitter: memory.random,
  });
  const isKept = decision.action === 'keep';
  memory.kept = isKept ? { since: time, until: decision.until.getTime() } : undefined;
  if (!isKept && stored) world.dueSince ??= world.time;
  return !isKept;
}

/** False when the last failure has not been waited out. Throws what the order fails with. */
function order(world: World, memory: Memory, now: Date): boolean {
  if (now.getTime() < memory.orderNotBefore) return false;
  world.orders++;
  try {
    const issued = issue(world, memory.stored !== undefined);
    look(world, memory.stored);
    take(memory, issued, now);
    world.dueSince = undefined;
    return true;
  } catch (thrown) {
    world.failedOrders++;
    throw thrown;
  }
}

function take(memory: Memory, issued: CertificateFacts, now: Date): void {
  memory.stored = issued;
  memory.random = renewalJitter(issued);
  memory.issuedAt.push(now);
  memory.advice = undefined;
  memory.lookAt = 0;
}

// Made once: a stack for each of many thousands takes its time.
const NO_ANSWER = new IngressError('ACME_UNREACHABLE', 'no answer');
const NOT_VALIDATED = new IngressError('ACME_ORDER_FAILED', 'no TXT record');

/** What the CA does. Throws as src/acme does. */
function issue(world: World, isRenewal: boolean): CertificateFacts {
  const { scenario, limits, time, lifetime, random } = world;
  const hasExemption = scenario.hasExemption ?? scenario.advice !== undefined;
  // What is issued is always taken, so nothing is replaced twice.
  const exempt = hasExemption && isRenewal;
  limits.order(time, exempt);
  if (isOut(world, 'ca')) throw NO_ANSWER;
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

/** Looks how much is left of what is served, which is least just before it is replaced. */
function look(world: World, stored: CertificateFacts | undefined): void {
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
