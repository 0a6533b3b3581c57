import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../duration.ts';
import {
  type Bucket,
  bucketDeferral,
  type Count,
  type Deferral,
  type PastFailure,
  type Window,
  windowDeferral,
} from './deferral.ts';
import type { History } from './history.ts';

export type { Deferral, LimitName } from './deferral.ts';

/** Our own limits for one CA. */
export interface Limits {
  /** Failed authorizations of one name. */
  readonly failedAuthorizations: Window;
  /** Certificates for an exact set of names. */
  readonly exactSet: Window & {
    /** Whether the window shrinks to two lifetimes of the stored certificate if that is shorter. */
    readonly followsLifetime: boolean;
  };
  /** Orders for an exact set of names that lead to no certificate. */
  readonly fruitlessOrders: Bucket;
  /** Certificates for names of one registered domain. */
  readonly perDomain: Bucket | undefined;
  /** New orders of the account. */
  readonly newOrders: Bucket | undefined;
}

/** A step at the CA that is about to be taken. */
export interface Step {
  readonly history: History;
  readonly names: readonly string[];
  /** `registeredDomain` of each name; needed only if `limits.perDomain` is set. */
  readonly registeredDomains: readonly string[];
  /** A new order, or the validation of an open one. */
  readonly step: 'order' | 'validate';
  /** Whether the order names the certificate it replaces (RFC 9773 §5). */
  readonly replaces: boolean;
  readonly limits: Limits;
  readonly now: Date;
  /** Lifetime of the stored certificate, in milliseconds. */
  readonly lifetimeMs?: number | undefined;
}

/**
 * For every CA: one below the limits of Let's Encrypt (https://letsencrypt.org/docs/rate-limits/: 5
 * failed authorizations of a name an hour, 5 certificates for an exact set in 7 days). The limit of
 * fruitless orders is our own: a few at once, then one every 5 minutes.
 */
const STRICT: Limits = {
  failedAuthorizations: { count: 4, windowMs: HOUR_MS },
  exactSet: { count: 4, windowMs: 7 * DAY_MS, followsLifetime: true },
  fruitlessOrders: { capacity: 6, refillMs: 5 * MINUTE_MS },
  perDomain: undefined,
  newOrders: undefined,
};

/**
 * Let's Encrypt permits 50 certificates of a registered domain and 300 new orders at once; our
 * buckets are smaller, because other clients may use the domain and the account too.
 */
const LETS_ENCRYPT: Limits = {
  ...STRICT,
  exactSet: { ...STRICT.exactSet, followsLifetime: false },
  perDomain: { capacity: 45, refillMs: 202 * MINUTE_MS },
  newOrders: { capacity: 250, refillMs: 36 * SECOND_MS },
};

/**
 * Let's Encrypt's staging environment is for tests
 * (https://letsencrypt.org/docs/staging-environment/): 60 failed authorizations of a name an hour,
 * 30,000 certificates for an exact set in 7 days, 1,500 new orders in 3 hours. Ours are lower, so
 * that a loop stays cheap.
 */
const STAGING: Limits = {
  ...STRICT,
  failedAuthorizations: { count: 59, windowMs: HOUR_MS },
  exactSet: { count: 1000, windowMs: 7 * DAY_MS, followsLifetime: false },
  fruitlessOrders: { capacity: 60, refillMs: MINUTE_MS },
};

const BY_DIRECTORY: Readonly<Record<string, Limits>> = {
  'https://acme-v02.api.letsencrypt.org/directory': LETS_ENCRYPT,
  'https://acme-staging-v02.api.letsencrypt.org/directory': STAGING,
};

/** The limits of the CA with this directory URL (RFC 8555 §7.1.1). */
export function limitsOf(directoryUrl: string): Limits {
  return BY_DIRECTORY[new URL(directoryUrl).href] ?? STRICT;
}

/**
 * Why a step may not be taken now, and from when it may; undefined if it may be taken now. If
 * several limits apply, returns the one that ends last. Pure.
 */
export function whenAllowed(step: Step): Deferral | undefined {
  const deferrals =
    step.step === 'order' ? [...limitsOfEachStep(step), ...limitsOfOrders(step)] : limitsOfEachStep(step);
  return deferrals
    .filter(({ until }) => until > step.now)
    .reduce<Deferral | undefined>((last, one) => (last && last.until >= one.until ? last : one), undefined);
}

/** The limits that apply to both orders and validations. */
function limitsOfEachStep({ history, names, limits, lifetimeMs, now }: Step): Deferral[] {
  const paused = history.pausedUntil();
  const certificates: Count = {
    limit: 'exact-set',
    what: ['certificate for exactly these names', 'certificates for exactly these names'],
    times: history.issuances(names),
  };
  const last = history.lastRefusal(names);
  return [
    paused &&
      because(
        { until: paused, limit: 'pause', reason: 'the certificate authority asked to wait' },
        history.pausedBy(),
      ),
    refusalDeferral(history, names),
    windowDeferral(certificates, setWindow(limits, lifetimeMs), now),
    ...names.map((name) => {
      const failures: Count = {
        limit: 'failed-authorizations',
        what: [`failed authorization of ${name}`, `failed authorizations of ${name}`],
        times: history.failedAuthorizations(name),
      };
      const deferral = windowDeferral(failures, limits.failedAuthorizations, now);
      return deferral && because(deferral, last, '; the last order failed');
    }),
  ].filter((deferral) => deferral !== undefined);
}

function limitsOfOrders(step: Step): Deferral[] {
  const { history, names, limits, now } = step;
  const fruitless: Count = {
    limit: 'fruitless-orders',
    what: ['order for these names without a certificate', 'orders for these names without a certificate'],
    times: history.fruitlessOrders(names),
  };
  const wasteful = bucketDeferral(fruitless, limits.fruitlessOrders, now);
  const deferrals = [
    wasteful && because(wasteful, history.lastRefusal(names), '; the last order failed'),
    ...(step.replaces ? [] : limitsOfNewOrders(step)),
  ];
  return deferrals.filter((deferral) => deferral !== undefined);
}

/**
 * Combines a deferral with the last refusal of these names: the one that ends later defers the
 * step, and the reason mentions the refusal in any case. Pure.
 */
export function orRefusal(deferral: Deferral, history: History, names: readonly string[]): Deferral {
  const refused = refusalDeferral(history, names);
  return refused && refused.until > deferral.until
    ? refused
    : because(deferral, history.lastRefusal(names), '; the last order failed');
}

function refusalDeferral(history: History, names: readonly string[]): Deferral | undefined {
  const at = history.notBefore(names);
  return (
    at &&
    because({ until: at, limit: 'refusal', reason: 'the last order failed' }, history.lastRefusal(names))
  );
}

/** Adds the failure that led to a deferral; `link` joins it to the reason. */
function because(deferral: Deferral, failure: PastFailure | undefined, link = ''): Deferral {
  if (!failure) return deferral;
  const { at, code, message } = failure;
  const said = message === undefined ? '' : `: ${message}`;
  return {
    ...deferral,
    failure,
    reason: `${deferral.reason}${link} at ${at.toISOString()}${said} (${code})`,
  };
}

/** The limits that do not apply to an order with `replaces` (RFC 9773 §5). */
function limitsOfNewOrders({ history, registeredDomains, limits, now }: Step): (Deferral | undefined)[] {
  const { perDomain, newOrders } = limits;
  const orders: Count = {
    limit: 'new-orders',
    what: ['new order of this account', 'new orders of this account'],
    times: history.ordersSince(new Date(0)).fresh,
  };
  const domains = perDomain ? [...new Set(registeredDomains)] : [];
  return [
    newOrders && bucketDeferral(orders, newOrders, now),
    ...domains.map((domain) => {
      const certificates: Count = {
        limit: 'registered-domain',
        what: [`certificate for names of ${domain}`, `certificates for names of ${domain}`],
        times: history.issuancesIn(domain),
      };
      return perDomain && bucketDeferral(certificates, perDomain, now);
    }),
  ];
}

/**
 * A private CA may issue certificates that are valid for a few hours: a window of 7 days would
 * leave the names without one.
 */
function setWindow({ exactSet }: Limits, lifetimeMs: number | undefined): Window {
  const follows = exactSet.followsLifetime && lifetimeMs !== undefined && lifetimeMs > 0;
  return follows ? { ...exactSet, windowMs: Math.min(exactSet.windowMs, 2 * lifetimeMs) } : exactSet;
}

/** Whether a result is a deferral rather than the requested value. */
export function isDeferral(value: unknown): value is Deferral {
  return (
    typeof value === 'object' &&
    value !== null &&
    'reason' in value &&
    'until' in value &&
    value.until instanceof Date
  );
}
