import type { Issuer } from '../acme/attempt.ts';
import type { CaaOwner } from '../dns/desired.ts';
import type { Issuers } from './parts.ts';

/**
 * The accounts of all authorities that may be asked for a certificate; ours there are made where there are none. Where there are two
 * authorities, one that cannot be asked and has no account of ours yet keeps nobody from the other.
 */
export function caaOwnersOf({ primary, fallback, rehearsal }: Issuers) {
  const production = [primary, fallback?.issuer].filter((issuer) => issuer !== undefined);
  return async (signal: AbortSignal): Promise<CaaOwner[]> => {
    const owners: CaaOwner[] = [];
    let missing: unknown;
    for (const { authority } of production) {
      try {
        owners.push(await ownerAt(authority, signal));
      } catch (thrown) {
        signal.throwIfAborted();
        if ((await authority.storedAccountUrl()) !== undefined) throw thrown;
        missing ??= thrown;
      }
    }
    if (owners.length === 0) throw missing;
    return rehearsal ? [...owners, await ownerAt(rehearsal.authority, signal)] : owners;
  };
}

async function ownerAt(authority: Issuer['authority'], signal: AbortSignal): Promise<CaaOwner> {
  const accountUrl = await authority.accountUrl(signal);
  const issuer = await authority.caaIdentity(signal);
  return { accountUrl, issuer, ended: await authority.endedAccountUrls() };
}
