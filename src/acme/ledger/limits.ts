import {
  type Bucket,
  bucketDeferral,
  type Deferral,
  type PastFailure,
  type Window,
  windowDeferral,
} from './deferral.ts';
import type { History } from './history.ts';

export type { Deferral as Hold } from './deferral.ts';

/** What we ask of one certificate authority, at most. */
export interface Limits {
  /** Of one name. */
  readonly failedAuthorizations: Window;
  /** Certificates for one exact set of names. */
  readonly exactSet: Window & {
    /** Whether the window is two lifetimes of the stored certificate where that is less. */
    readonly followsLifetime: boolean;
  };
  /** Orders for one exact set of names that lead to no certificate. */
  readonly fruitlessOrders: Bucket;
  /** Certificates for names of one registered domain. */
  readonly perDomain: Bucket | undefined;
  /** New orders of the account. */
  readonly newOrders: Bucket | undefined;
}

/** The question whether a step at the certificate authority may be made. */
export interface Step {
  readonly history: History;
  readonly names: readonly string[];
  /** `registeredDomain` of each name; needed where `limits.perDomain` holds. */
  readonly registeredDomains: readonly string[];
  /** A new order, or the validation of one that is open. */
  readonly step: 'order' | 'validate';
  /** Whether the order names the certificate it replaces (RFC 9773 §5). */
  readonly replaces: boolean;
  readonly limits: Limits;
  readonly now: Date;
  /** Milliseconds; of the certificate that is stored. */
  readonly lifetimeMs?: number | undefined;
}

const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * For every CA: one below those of Let's Encrypt (https://letsencrypt.org/docs/rate-limits/: 5 failed authorizations of a name an hour, 5
 * certificates for an exact set in 7 days). Fruitless orders are our own: a handful, then as often as an outage is looked at again.
 */
const STRICT: Limits = {
  failedAuthorizations: { count: 4, windowMs: HOUR },
  exactSet: { count: 4, windowMs: 7 * DAY, followsLifetime: true },
  fruitlessOrders: { capacity: 6, refillMs: 5 * MINUTE },
  perDomain: undefined,
  newOrders: undefined,
};

/**
 * Let's Encrypt's buckets hold 50 certificates of a registered domain and 300 new orders; ours are smaller, because others may
 * use the domain and the account too.
 */
const LETS_ENCRYPT: Limits = {
  ...STRICT,
  exactSet: { ...STRICT.exactSet, followsLifetime: false },
  perDomain: { capacity: 45, refillMs: 202 * MINUTE },
  newOrders: { capacity: 250, refillMs: 36 * 1000 },
};

/**
 * Let's Encrypt's staging is there for trying (https://letsencrypt.org/docs/staging-environment/): 60 failed authorizations of a name
 * an hour, 30,000 certificates for an exact set in 7 days, 1,500 new orders in 3 hours. The last two are looser than a loop needs.
 */
const STAGING: Limits = {
  ...STRICT,
  failedAuthorizations: { count: 59, windowMs: HOUR },
  exactSet: { count: 1000, windowMs: 7 * DAY, followsLifetime: false },
  fruitlessOrders: { capacity: 60, refillMs: MINUTE },
};

const BY_DIRECTORY: Readonly<Record<string, Limits>> = {
  'https://acme-v02.api.letsencrypt.org/directory': LETS_ENCRYPT,
  'https://acme-staging-v02.api.letsencrypt.org/directory': STAGING,
};

/** The limits for a certificate authority, given by the URL of its directory (RFC 8555 §7.1.1). */
export function limitsOf(directoryUrl: string): Limits {
  return BY_DIRECTORY[new URL(directoryUrl).href] ?? STRICT;
}

/**
 * The earliest moment at which a step may be made, and why not before; undefined when it may be made now. When several limits hold,
 * the one that holds longest is given. Pure.
 */
export function whenAllowed(step: Step): Deferral | undefined {
  const holds = step.step === 'order' ? [...always(step), ...forOrders(step)] : always(step);
  return holds
    .filter(({ until: at }) => at > step.now)
    .reduce<Deferral | undefined>(
      (last, hold) => (last && last.until >= hold.until ? last : hold),
      undefined,
    );
}

/** What holds up an order and a validation alike. */
function always({ history, names, limits, lifetimeMs, now }: Step): Deferral[] {
  const paused = history.pausedUntil();
  const certificates = { what: 'certificates for exactly these names', times: history.issuances(names) };
  const last = history.lastRefusal(names);
  return [
    paused &&
      because({ until: paused, reason: 'the certificate authority asked to wait' }, history.pausedBy()),
    refusalHold(history, names),
    windowDeferral(certificates, setWindow(limits, lifetimeMs), now),
    ...names.map((name) => {
      const failures = {
        what: `failed authorizations of ${name}`,
        times: history.failedAuthorizations(name),
      };
      const hold = windowDeferral(failures, limits.failedAuthorizations, now);
      return hold && because(hold, last, '; the last order failed');
    }),
  ].filter((hold) => hold !== undefined);
}

function forOrders(step: Step): Deferral[] {
  const { history, names, limits, now } = step;
  const fruitless = {
    what: 'orders for these names without a certificate',
    times: history.fruitlessOrders(names),
  };
  const wasteful = bucketDeferral(fruitless, limits.fruitlessOrders, now);
  const holds = [
    wasteful && because(wasteful, history.lastRefusal(names), '; the last order failed'),
    ...(step.replaces ? [] : forNewOrders(step)),
  ];
  return holds.filter((hold) => hold !== undefined);
}

/** A wait that comes before the limits are asked, as it is told: with the refusal of these names, or as its wait where that is longer. Pure. */
export function orRefusal(hold: Deferral, history: History, names: readonly string[]): Deferral {
  const refused = refusalHold(history, names);
  return refused && refused.until > hold.until
    ? refused
    : because(hold, history.lastRefusal(names), '; the last order failed');
}

function refusalHold(history: History, names: readonly string[]): Deferral | undefined {
  const at = history.notBefore(names);
  return at && because({ until: at, reason: 'the last order failed' }, history.lastRefusal(names));
}

/** A hold that tells of the failure that has led to it; `link` leads over where the sentence does not by itself. */
function because(hold: Deferral, failure: PastFailure | undefined, link = ''): Deferral {
  if (!failure) return hold;
  const { at, code, message } = failure;
  const said = message === undefined ? '' : `: ${message}`;
  return { ...hold, failure, reason: `${hold.reason}${link} at ${at.toISOString()}${said} (${code})` };
}

/** An order that names the certificate it replaces is exempt from these. */
function forNewOrders({ history, registeredDomains, limits, now }: Step): (Deferral | undefined)[] {
  const { perDomain, newOrders } = limits;
  const orders = { what: 'new orders of this account', times: history.ordersSince(new Date(0)).fresh };
  const domains = perDomain ? [...new Set(registeredDomains)] : [];
  return [
    newOrders && bucketDeferral(orders, newOrders, now),
    ...domains.map((domain) => {
      const certificates = {
        what: `certificates for names of ${domain}`,
        times: history.issuancesIn(domain),
      };
      return perDomain && bucketDeferral(certificates, perDomain, now);
    }),
  ];
}

/** A private CA may issue for hours: there 7 days would leave a name without a certificate. */
function setWindow({ exactSet }: Limits, lifetimeMs: number | undefined): Window {
  const follows = exactSet.followsLifetime && lifetimeMs !== undefined && lifetimeMs > 0;
  return follows ? { ...exactSet, windowMs: Math.min(exactSet.windowMs, 2 * lifetimeMs) } : exactSet;
}

/** Whether something is a hold, and not what was asked for. */
export function isDeferral(value: unknown): value is Deferral {
  return (
    typeof value === 'object' &&
    value !== null &&
    'reason' in value &&
    'until' in value &&
    value.until instanceof Date
  );
}
