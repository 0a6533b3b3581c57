import { isWarningDue } from '../warnings.ts';
import type { Deps, ManagedCertificate } from './deps.ts';

/** Warns of a ledger that cannot be written: without it no certificate can be ordered. */
export async function warnOfLedger({ authorities, emit, clock, shared }: Deps): Promise<void> {
  const error = await authorities.primary.ledger.whyUnwritable();
  if (isWarningDue(shared.unwritable, 'ledger', error, clock.now()))
    emit({ type: 'volume-not-writable', error });
}

/**
 * Warns if the certificate or its challenges could not be stored, long before a renewal fails
 * because of it.
 */
export async function warnOfVolume(
  { store, journalOf, clock, shared, emit }: Deps,
  { names }: ManagedCertificate,
): Promise<void> {
  const error = (await store.whyUnwritable(names)) ?? (await journalOf(names[0]).whyUnwritable());
  if (isWarningDue(shared.unwritable, names[0], error, clock.now()))
    emit({ type: 'volume-not-writable', certificate: names, error });
}
