import { baseName, isWithin } from '../../dns/name.ts';
import { DAY_MS } from '../../duration.ts';
import {
  type Attempt,
  type AttemptEntry,
  addToAttempt,
  failedAt,
  issuedAt,
  nameSetKey,
  newAttempt,
} from './attempt.ts';
import type { PastFailure } from './deferral.ts';
import type { LedgerEntry } from './entries.ts';

/**
 * The facts that the entries of a ledger establish. If an outcome is unknown, the worse one is
 * assumed. Lists of names are compared as sets; lists of times start with the earliest.
 */
export interface History {
  /**
   * New orders since that time; `replacing` are those that name the certificate they replace (RFC
   * 9773 §5).
   */
  ordersSince(since: Date): { readonly fresh: Date[]; readonly replacing: Date[] };
  /** Orders for exactly these names that have led to no certificate yet. */
  fruitlessOrders(names: readonly string[]): Date[];
  /** When authorizations of this name failed; one time per attempt. */
  failedAuthorizations(name: string): Date[];
  /** When certificates for exactly these names were issued. */
  issuances(names: readonly string[]): Date[];
  /**
   * Issuances for names in a registered domain that replaced no certificate, and the orders for
   * such names that are still open.
   */
  issuancesIn(registeredDomain: string): Date[];
  /** How many times in a row the CA has refused these names since their last issuance. */
  refusalsInARow(names: readonly string[]): number;
  /** The last of these refusals. */
  lastRefusal(names: readonly string[]): PastFailure | undefined;
  /** The first failure of any kind since the last issuance. */
  failingSince(names: readonly string[]): Date | undefined;
  /** No order for these names before this time. */
  notBefore(names: readonly string[]): Date | undefined;
  /** The end of the pause that the CA asked for; may be in the past. */
  pausedUntil(): Date | undefined;
  /** The refusal that asked for the pause. */
  pausedBy(): PastFailure | undefined;
  /** The CA's latest renewal information on the certificate with this ARI id. */
  advice(certificate: string): Advice | undefined;
  /**
   * When a validation at this name (`_acme-challenge.…`) last began or ended in an attempt other
   * than this one: a resolver may still have the earlier records in its cache.
   */
  recentlyValidated(owner: string, attempt?: string): Date | undefined;
  /** The last certificate for exactly these names. */
  lastIssued(names: readonly string[]): PastIssuance | undefined;
}

/** A suggested window (RFC 9773 §4.2), and the time of the next request for it. */
export interface Advice {
  readonly start: Date;
  readonly end: Date;
  readonly explanationUrl: string | undefined;
  readonly pollAgainAt: Date;
}

/** A certificate that the CA issued. */
export interface PastIssuance {
  readonly serial: string;
  readonly at: Date;
  readonly notAfter: Date;
}

/** A history to which new entries are added. */
export interface LedgerView extends History {
  /** Call it in the order in which the entries were made. */
  add(entry: LedgerEntry): void;
}

/** The failures of one set of names since its last issuance. */
interface FailureStreak {
  /** That issuance. */
  readonly issued: PastIssuance | undefined;
  refusals: number;
  lastRefusal: PastFailure | undefined;
  failingSince: number | undefined;
  notBefore: number | undefined;
}

/** Milliseconds. A longer wait is a mistake: the longest window of any limit is 7 days. */
const LONGEST_WAIT_MS = 7 * DAY_MS;

/** The history of these entries. It changes as entries are added. */
export function historyOf(entries: Iterable<LedgerEntry>): LedgerView {
  const attempts = createAttempts();
  const streaks = createStreaks();
  const advice = new Map<string, Advice>();
  let paused: number | undefined;
  let pausedBy: PastFailure | undefined;

  function pause(entry: LedgerEntry & { event: 'pause' }): void {
    const { at, until, code, message } = entry;
    const before = paused;
    paused = latest(before, waitOf(at, until));
    if (paused !== before) pausedBy = code === undefined ? undefined : { at: new Date(at), code, message };
  }

  function add(entry: LedgerEntry): void {
    if (entry.event === 'pause') pause(entry);
    else if (entry.event === 'advice') advice.set(entry.certificate, adviceOf(entry));
    else {
      attempts.add(entry);
      streaks.add(entry);
    }
  }

  for (const entry of entries) add(entry);
  return {
    ...{ ...attempts, ...streaks, add },
    pausedUntil: () => dateOf(paused),
    pausedBy: () => pausedBy,
    advice: (certificate) => advice.get(certificate),
  };
}

function createAttempts() {
  const attempts = new Map<string, Attempt>();
  /** The attempt of the last order for a set: no other order is resumed. */
  const lastOrder = new Map<string, string>();
  /** When names failed outside any attempt. */
  const loose = new Map<string, number[]>();

  function add(entry: AttemptEntry): void {
    const { attempt: id } = entry;
    if (id !== undefined) {
      const attempt = attempts.get(id) ?? newAttempt();
      attempts.set(id, attempt);
      addToAttempt(attempt, entry);
      if (entry.event === 'order') lastOrder.set(attempt.set, id);
    } else if (entry.event === 'failed') {
      const at = Date.parse(entry.at);
      for (const name of entry.invalid ?? []) loose.set(name, [...(loose.get(name) ?? []), at]);
    }
  }

  const ofSet = (names: readonly string[]) => {
    const wanted = nameSetKey(names);
    return [...attempts.values()].filter(({ set }) => set === wanted);
  };

  /**
   * When the certificate of an attempt was issued; if it may still be issued, when it was ordered.
   */
  function issuanceIn(domain: string, id: string): number | undefined {
    const attempt = attempts.get(id);
    if (!attempt || attempt.replaces) return undefined;
    if (!attempt.names.some((name) => isWithin(baseName(name), domain))) return undefined;
    const isOpen = !attempt.hasFailed && lastOrder.get(attempt.set) === id;
    return issuedAt(attempt) ?? (isOpen ? attempt.orderedAt : undefined);
  }

  return {
    add,
    ordersSince(since: Date) {
      const made = [...attempts.values()].filter(({ orderedAt }) => (orderedAt ?? -1) >= since.getTime());
      const times = (replacing: boolean) =>
        datesOf(made.filter(({ replaces }) => replaces === replacing).map(({ orderedAt }) => orderedAt));
      return { fresh: times(false), replacing: times(true) };
    },
    fruitlessOrders: (names: readonly string[]) =>
      datesOf(ofSet(names).map((one) => (one.issuedAt === undefined ? one.orderedAt : undefined))),
    failedAuthorizations: (name: string) =>
      datesOf([...attempts.values()].map((one) => failedAt(one, name)).concat(loose.get(name) ?? [])),
    issuances: (names: readonly string[]) => datesOf(ofSet(names).map(issuedAt)),
    issuancesIn: (domain: string) => datesOf([...attempts.keys()].map((id) => issuanceIn(domain, id))),
    recentlyValidated(owner: string, own?: string) {
      const others = [...attempts].filter(([id]) => id !== own);
      return dateOf(others.map(([, { validations }]) => validations.get(owner)).reduce(latest, undefined));
    },
  };
}

function createStreaks() {
  const all = new Map<string, FailureStreak>();
  const begin = (issued: PastIssuance | undefined): FailureStreak => ({
    ...{ issued, refusals: 0, lastRefusal: undefined, failingSince: undefined, notBefore: undefined },
  });

  function add(entry: AttemptEntry): void {
    if (entry.event === 'issued') {
      const notAfter = new Date(entry.notAfter);
      all.set(nameSetKey(entry.names), begin({ serial: entry.serial, at: new Date(entry.at), notAfter }));
    }
    if (entry.event !== 'failed') return;
    const key = nameSetKey(entry.names);
    const streak = all.get(key) ?? begin(undefined);
    all.set(key, streak);
    if (entry.refused) {
      streak.refusals += 1;
      streak.lastRefusal = { at: new Date(entry.at), code: entry.code, message: entry.message };
    }
    streak.failingSince ??= Date.parse(entry.at);
    if (entry.notBefore) streak.notBefore = latest(streak.notBefore, waitOf(entry.at, entry.notBefore));
  }

  const of = (names: readonly string[]) => all.get(nameSetKey(names));
  return {
    add,
    refusalsInARow: (names: readonly string[]) => of(names)?.refusals ?? 0,
    lastRefusal: (names: readonly string[]) => of(names)?.lastRefusal,
    failingSince: (names: readonly string[]) => dateOf(of(names)?.failingSince),
    notBefore: (names: readonly string[]) => dateOf(of(names)?.notBefore),
    lastIssued: (names: readonly string[]) => of(names)?.issued,
  };
}

function adviceOf({ start, end, explanationUrl, askAgainAt }: LedgerEntry & { event: 'advice' }): Advice {
  return {
    start: new Date(start),
    end: new Date(end),
    explanationUrl,
    pollAgainAt: new Date(askAgainAt),
  };
}

/** The end of a wait, capped at `LONGEST_WAIT_MS`. */
function waitOf(at: string, until: string): number {
  return Math.min(Date.parse(until), Date.parse(at) + LONGEST_WAIT_MS);
}

function latest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.max(one, other);
}

function dateOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}

function datesOf(all: readonly (number | undefined)[]): Date[] {
  const known = all.filter((ms) => ms !== undefined);
  return known.sort((a, b) => a - b).map((ms) => new Date(ms));
}

/**
 * Milliseconds. Older entries are removed in any case, because their names may no longer be used.
 */
const LONGEST_KEPT_MS = 365 * DAY_MS;

/**
 * Selects the entries that still matter from those that are about to be removed for their age: the
 * last certificate of each set of names while it is valid (it shows which CA issued it), and the
 * first failure of an ongoing streak. Pure.
 */
export function compact(old: readonly LedgerEntry[], history: History, now: Date): LedgerEntry[] {
  const isAt = (entry: LedgerEntry, moment: Date | undefined) => moment?.getTime() === Date.parse(entry.at);
  return old.filter((entry) => {
    if (now.getTime() - Date.parse(entry.at) > LONGEST_KEPT_MS) return false;
    if (entry.event === 'failed') return isAt(entry, history.failingSince(entry.names));
    if (entry.event !== 'issued') return false;
    return isAt(entry, history.lastIssued(entry.names)?.at) && new Date(entry.notAfter) > now;
  });
}
