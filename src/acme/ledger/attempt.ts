import { challengeName } from '../../dns/name.ts';
import type { LedgerEntry } from './entries.ts';

/**
 * One attempt to get a certificate, built from its ledger entries in the order in which they were
 * written. Times are in milliseconds since the epoch. The functions in this file change only the
 * attempt that they are given.
 */
export interface Attempt {
  /** The names of the certificate; empty until an entry gives them. */
  names: readonly string[];
  /** `nameSetKey` of `names`. */
  set: string;
  orderedAt: number | undefined;
  /** Whether the order names the certificate it replaces. */
  replaces: boolean;
  /** Names whose validation has begun but not ended, with the time it began. */
  readonly open: Map<string, number>;
  /** Names whose authorization failed or may have failed, with the time. */
  readonly failed: Map<string, number>;
  /** When a validation last began or ended, by the owner name of its challenge. */
  readonly validations: Map<string, number>;
  /** Whether every authorization is valid. */
  isProven: boolean;
  /** The last finalization that may have issued a certificate. */
  finalizedAt: number | undefined;
  issuedAt: number | undefined;
  /** Whether a step has failed, so that the order may never lead to a certificate. */
  hasFailed: boolean;
}

/** An entry that belongs to an attempt. */
export type AttemptEntry = Extract<LedgerEntry, { readonly attempt?: unknown }>;

export function newAttempt(): Attempt {
  return {
    ...{ names: [], set: '', orderedAt: undefined, replaces: false, isProven: false, hasFailed: false },
    ...{ open: new Map(), failed: new Map(), validations: new Map() },
    ...{ finalizedAt: undefined, issuedAt: undefined },
  };
}

export function addToAttempt(attempt: Attempt, entry: AttemptEntry): void {
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

/** A key for an exact set of names, in any order. */
export function nameSetKey(names: readonly string[]): string {
  return [...new Set(names)].sort().join();
}

function name(attempt: Attempt, names: readonly string[]): void {
  attempt.names = names;
  attempt.set = nameSetKey(names);
}

function begin(attempt: Attempt, names: readonly string[], at: number): void {
  attempt.isProven = false;
  for (const one of names) attempt.open.set(one, at);
  touchValidations(attempt, at);
}

/** A finalization needs every authorization (RFC 8555 §7.4), so none of this order has failed. */
function prove(attempt: Attempt): void {
  attempt.isProven = true;
  attempt.open.clear();
  attempt.failed.clear();
}

function fail(attempt: Attempt, entry: AttemptEntry & { readonly event: 'failed' }, at: number): void {
  attempt.hasFailed = true;
  if (entry.counted === false) attempt.finalizedAt = undefined;
  if (attempt.isProven) return;
  touchValidations(attempt, at);
  const invalid = entry.invalid ?? [];
  // If the CA did not name the failed ones, each open one may have failed.
  const suspects = invalid.length > 0 ? invalid : [...attempt.open.keys()];
  for (const suspect of suspects) attempt.failed.set(suspect, at);
  attempt.open.clear();
}

function touchValidations({ open, validations }: Attempt, at: number): void {
  for (const one of open.keys()) validations.set(challengeName(one), at);
}

/** When the authorization of a name failed. An authorization without a result counts as failed. */
export function failedAt({ open, failed }: Attempt, name: string): number | undefined {
  return open.get(name) ?? failed.get(name);
}

/** When a certificate was issued. A finalization counts unless it certainly issued nothing. */
export function issuedAt(attempt: Attempt): number | undefined {
  return attempt.finalizedAt ?? attempt.issuedAt;
}
