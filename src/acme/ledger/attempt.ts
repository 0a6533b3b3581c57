import { challengeName } from '../../dns/name.ts';
import type { LedgerEntry } from './entries.ts';

/**
 * One attempt at a certificate, folded from its entries in the order in which they were written. Moments are milliseconds since
 * the epoch. Pure but for the record itself.
 */
export interface PastAttempt {
  /** The names of the certificate, once an entry has told them. */
  names: readonly string[];
  /** `setOf` these. */
  set: string;
  orderedAt: number | undefined;
  /** Whether the order names the certificate it replaces. */
  replaces: boolean;
  /** Names whose validation has begun, and of which nothing was heard yet. */
  readonly open: Map<string, number>;
  /** Names whose authorization failed, or may have. */
  readonly failed: Map<string, number>;
  /** When a validation last began or ended, by the name of its challenge. */
  readonly validations: Map<string, number>;
  isProven: boolean;
  /** The last finalization that may have issued. */
  finalizedAt: number | undefined;
  issuedAt: number | undefined;
  /** Whether something has failed, after which the order may lead nowhere. */
  hasFailed: boolean;
}

/** An entry that belongs to an attempt. */
export type AttemptEntry = Extract<LedgerEntry, { readonly attempt?: unknown }>;

export function newPastAttempt(): PastAttempt {
  return {
    ...{ names: [], set: '', orderedAt: undefined, replaces: false, isProven: false, hasFailed: false },
    ...{ open: new Map(), failed: new Map(), validations: new Map() },
    ...{ finalizedAt: undefined, issuedAt: undefined },
  };
}

export function addToAttempt(attempt: PastAttempt, entry: AttemptEntry): void {
  const at = Date.parse(entry.at);
  if (entry.event === 'failed') fail(attempt, entry, at);
  else if (entry.event === 'validate') begin(attempt, entry.names, at);
  else if (entry.event === 'order') {
    name(attempt, entry.names);
    attempt.orderedAt ??= at;
    attempt.replaces = entry.replaces !== undefined;
  } else {
    if (entry.event === 'validated') touchValidations(attempt, at);
    else name(attempt, entry.names);
    if (entry.event === 'finalize') attempt.finalizedAt = at;
    if (entry.event === 'issued') attempt.issuedAt = at;
    prove(attempt);
  }
}

/** Tells exact sets of names apart, whatever their order. */
export function setOf(names: readonly string[]): string {
  return [...new Set(names)].sort().join();
}

function name(attempt: PastAttempt, names: readonly string[]): void {
  attempt.names = names;
  attempt.set = setOf(names);
}

function begin(attempt: PastAttempt, names: readonly string[], at: number): void {
  attempt.isProven = false;
  for (const one of names) attempt.open.set(one, at);
  touchValidations(attempt, at);
}

/** There is no finalization without every authorization, so nothing that was asked of this order has failed. */
function prove(attempt: PastAttempt): void {
  attempt.isProven = true;
  attempt.open.clear();
  attempt.failed.clear();
}

function fail(attempt: PastAttempt, entry: AttemptEntry & { readonly event: 'failed' }, at: number): void {
  attempt.hasFailed = true;
  if (entry.counted === false) attempt.finalizedAt = undefined;
  if (attempt.isProven) return;
  touchValidations(attempt, at);
  const invalid = entry.invalid ?? [];
  // Where the CA has not told which, any may have failed.
  const suspects = invalid.length > 0 ? invalid : [...attempt.open.keys()];
  for (const suspect of suspects) attempt.failed.set(suspect, at);
  attempt.open.clear();
}

function touchValidations({ open, validations }: PastAttempt, at: number): void {
  for (const one of open.keys()) validations.set(challengeName(one), at);
}

/** When the authorization of a name failed, as far as is known: one that nothing was heard of counts as failed. */
export function failedAt({ open, failed }: PastAttempt, name: string): number | undefined {
  return open.get(name) ?? failed.get(name);
}

/** When a certificate was issued, as far as is known: a finalization counts unless it certainly issued nothing. */
export function issuedAt(attempt: PastAttempt): number | undefined {
  return attempt.finalizedAt ?? attempt.issuedAt;
}
