import type { Authority } from '../acme/issuance.ts';
import { IngressError } from '../errors.ts';
import type { CaaOwner } from '../records/desired.ts';
import type { Authorities } from './deps.ts';

/**
 * The accounts of all authorities that may be asked for a certificate; ours there are made where there are none. One that is down keeps
 * nobody from the others: it issues nothing meanwhile, its record stays as that of any other CA, and is wanted again once it is back.
 * Throws what the first one throws when there is nobody to issue, and what does not pass by itself.
 */
export function caaOwnersOf({ primary, fallback, staging }: Authorities) {
  return async (signal: AbortSignal): Promise<CaaOwner[]> => {
    const found = await Promise.allSettled(
      [primary, fallback?.issuer].flatMap((issuer) => issuer ?? []).map((issuer) => ownerAt(issuer, signal)),
    );
    signal.throwIfAborted();
    const owners = found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failures = found.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    const lasting = failures.find((failure) => !isOutage(failure));
    if (failures.length > 0 && (owners.length === 0 || lasting)) throw lasting ?? failures[0];
    return staging ? [...owners, ...(await trialOwner(staging, signal))] : owners;
  };
}

async function trialOwner(rehearsal: Authority, signal: AbortSignal): Promise<CaaOwner[]> {
  try {
    return [await ownerAt(rehearsal, signal)];
  } catch (thrown) {
    signal.throwIfAborted();
    if (!isOutage(thrown)) throw thrown;
    return [];
  }
}

function isOutage(thrown: unknown): boolean {
  return thrown instanceof IngressError && thrown.code.startsWith('ACME_') && thrown.retryable;
}

async function ownerAt({ client }: Authority, signal: AbortSignal): Promise<CaaOwner> {
  const accountUrl = await client.accountUrl(signal);
  const issuer = await client.caaIdentity(signal);
  return { accountUrl, issuer, ended: await client.endedAccountUrls() };
}
