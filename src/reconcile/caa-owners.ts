import type { CaaOwner } from '../dns/desired.ts';
import type { Issuers } from './parts.ts';

/** The accounts of all authorities that may be asked for a certificate; ours there are made where there are none. */
export function caaOwnersOf({ primary, fallback, rehearsal }: Issuers) {
  const issuers = [primary, fallback?.issuer, rehearsal].filter((issuer) => issuer !== undefined);
  return async (signal: AbortSignal): Promise<CaaOwner[]> => {
    const owners: CaaOwner[] = [];
    for (const { authority } of issuers) {
      const accountUrl = await authority.accountUrl(signal);
      owners.push({ accountUrl, issuer: await authority.caaIdentity(signal) });
    }
    return owners;
  };
}
