import { baseName, isWithin } from '../../dns/name.ts';
import type { PastFailure } from './deferral.ts';
import type { LedgerEntry } from './entries.ts';
import {
  type AttemptEntry,
  addToAttempt,
  failedAt,
  issuedAt,
  newPastAttempt,
  type PastAttempt,
  setOf,
} from './attempt.ts';

/**
 * What the entries of a ledger say. Where they leave something open, the worse is assumed. Sets of names are compared whatever their
 * order; moments come the earliest first.
 */
export interface History {
  /** New orders from that moment on; those that name the certificate they replace (RFC 9773 §5) apart. */
  ordersSince(since: Date): { readonly fresh: Date[]; readonly replacing: Date[] };
  /** Orders for exactly these names that have led to no certificate yet. */
  fruitlessOrders(names: readonly string[]): Date[];
  /** When authorizations of this name failed; one in each attempt. */
  failedAuthorizations(name: string): Date[];
  /** When certificates for exactly these names were issued. */
  issuances(names: readonly string[]): Date[];
  /** Those of names in a registered domain that replaced none, and the orders for such names that are still open. */
  issuancesIn(registeredDomain: string): Date[];
  /** How often in a row the CA refused these names since it last issued for them. */
  refusalsInARow(names: readonly string[]): number;
  /** The last of these refusals. */
  lastRefusal(names: readonly string[]): PastFailure | undefined;
  /** The first failure, of whatever kind, since the last issuance. */
  failingSince(names: readonly string[]): Date | undefined;
  /** No next order for these names before. */
  notBefore(names: readonly string[]): Date | undefined;
  /** Until when the CA as a whole asked to wait; this may be over. */
  pausedUntil(): Date | undefined;
  /** With what it asked. */
  pausedBy(): PastFailure | undefined;
  /** What the CA last said about when to renew a certificate, given by its ARI id. */
  advice(certificate: string): Advice | undefined;
  /**
   * When a validation at this name (`_acme-challenge.…`) last began or ended, by another attempt than this: a resolver may still remember
   * what stood there.
   */
  recentlyValidated(owner: string, attempt?: string): Date | undefined;
  /** The last certificate for exactly these names. */
  lastIssued(names: readonly string[]): Issuance | undefined;
}

/** A suggested window (RFC 9773 §4.2), and until when it need not be asked for again. */
export interface Advice {
  readonly start: Date;
  readonly end: Date;
  readonly explanationUrl: string | undefined;
  readonly askAgainAt: Date;
}

export interface Issuance {
  readonly serial: string;
  readonly at: Date;
  readonly notAfter: Date;
}

/** A history that goes on. */
export interface Chronicle extends History {
  /** Entries come in the order in which they were made. */
  add(entry: LedgerEntry): void;
}

/** What is known of one set of names since its last issuance. */
interface Series {
  readonly issued: Issuance | undefined;
  refusals: number;
  lastRefusal: PastFailure | undefined;
  failingSince: number | undefined;
  notBefore: number | undefined;
}

/** Milliseconds. What asks for more is mistaken: the longest window of any limit is 7 days. */
const LONGEST_WAIT_MS = 7 * 24 * 60 * 60 * 1000;

/** The history that these entries tell. Its answers follow when more are added. */
export function historyOf(entries: Iterable<LedgerEntry>): Chronicle {
  const attempts = createAttempts();
  const series = createSeries();
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
      series.add(entry);
    }
  }

  for (const entry of entries) add(entry);
  return {
    ...{ ...attempts, ...series, add },
    pausedUntil: () => momentOf(paused),
    pausedBy: () => pausedBy,
    advice: (certificate) => advice.get(certificate),
  };
}

function createAttempts() {
  const attempts = new Map<string, PastAttempt>();
  /** Only the last order for a set is gone on with. */
  const lastOrder = new Map<string, string>();
  /** Failures of names outside any attempt. */
  const loose = new Map<string, number[]>();

  function add(entry: AttemptEntry): void {
    const { attempt: id } = entry;
    if (id !== undefined) {
      const attempt = attempts.get(id) ?? newPastAttempt();
      attempts.set(id, attempt);
      addToAttempt(attempt, entry);
      if (entry.event === 'order') lastOrder.set(attempt.set, id);
    } else if (entry.event === 'failed') {
      const at = Date.parse(entry.at);
      for (const name of entry.invalid ?? []) loose.set(name, [...(loose.get(name) ?? []), at]);
    }
  }

  const ofSet = (names: readonly string[]) => {
    const wanted = setOf(names);
    return [...attempts.values()].filter(({ set }) => set === wanted);
  };

  /** Issued, or on its way to it. */
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
        momentsOf(made.filter(({ replaces }) => replaces === replacing).map(({ orderedAt }) => orderedAt));
      return { fresh: times(false), replacing: times(true) };
    },
    fruitlessOrders: (names: readonly string[]) =>
      momentsOf(ofSet(names).map((one) => (one.issuedAt === undefined ? one.orderedAt : undefined))),
    failedAuthorizations: (name: string) =>
      momentsOf([...attempts.values()].map((one) => failedAt(one, name)).concat(loose.get(name) ?? [])),
    issuances: (names: readonly string[]) => momentsOf(ofSet(names).map(issuedAt)),
    issuancesIn: (domain: string) => momentsOf([...attempts.keys()].map((id) => issuanceIn(domain, id))),
    recentlyValidated(owner: string, own?: string) {
      const others = [...attempts].filter(([id]) => id !== own);
      return momentOf(others.map(([, { validations }]) => validations.get(owner)).reduce(latest, undefined));
    },
  };
}

function createSeries() {
  const all = new Map<string, Series>();
  const begin = (issued: Issuance | undefined): Series => ({
    ...{ issued, refusals: 0, lastRefusal: undefined, failingSince: undefined, notBefore: undefined },
  });

  function add(entry: AttemptEntry): void {
    if (entry.event === 'issued') {
      const notAfter = new Date(entry.notAfter);
      all.set(setOf(entry.names), begin({ serial: entry.serial, at: new Date(entry.at), notAfter }));
    }
    if (entry.event !== 'failed') return;
    const key = setOf(entry.names);
    const series = all.get(key) ?? begin(undefined);
    all.set(key, series);
    if (entry.refused) {
      series.refusals += 1;
      series.lastRefusal = { at: new Date(entry.at), code: entry.code, message: entry.message };
    }
    series.failingSince ??= Date.parse(entry.at);
    if (entry.notBefore) series.notBefore = latest(series.notBefore, waitOf(entry.at, entry.notBefore));
  }

  const of = (names: readonly string[]) => all.get(setOf(names));
  return {
    add,
    refusalsInARow: (names: readonly string[]) => of(names)?.refusals ?? 0,
    lastRefusal: (names: readonly string[]) => of(names)?.lastRefusal,
    failingSince: (names: readonly string[]) => momentOf(of(names)?.failingSince),
    notBefore: (names: readonly string[]) => momentOf(of(names)?.notBefore),
    lastIssued: (names: readonly string[]) => of(names)?.issued,
  };
}

function adviceOf({ start, end, explanationUrl, askAgainAt }: LedgerEntry & { event: 'advice' }): Advice {
  return {
    start: new Date(start),
    end: new Date(end),
    explanationUrl,
    askAgainAt: new Date(askAgainAt),
  };
}

/** The moment until which is waited, within reason. */
function waitOf(at: string, until: string): number {
  return Math.min(Date.parse(until), Date.parse(at) + LONGEST_WAIT_MS);
}

function latest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.max(one, other);
}

function momentOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}

function momentsOf(all: readonly (number | undefined)[]): Date[] {
  const known = all.filter((ms) => ms !== undefined);
  return known.sort((a, b) => a - b).map((ms) => new Date(ms));
}
