import type { CertificateAuthority } from '../acme/authority.ts';
import { chooseAliasTarget, friendlyName, type GatewayLookups } from '../dns/alias.ts';
import { desiredRecords } from '../dns/desired.ts';
import { appAddressName, baseName, challengeName } from '../dns/names.ts';
import type { ZoneDraft } from '../dns/reconcile-zone.ts';
import type { LiveRecord } from '../dns/record.ts';
import { addressesOf } from '../dns/resolver.ts';
import type { Parts } from './parts.ts';

/** What is asked before it is known which records are desired. */
export interface DraftParts extends Pick<Parts, 'goal' | 'identify' | 'provider' | 'resolver'> {
  readonly authority: Pick<CertificateAuthority, 'accountUrl' | 'caaIdentity'>;
}

/**
 * Finds out which records are desired, and in which zone: by the guest agent, the look-ups of the gateway, the authority
 * (for a CAA record) and the provider. Writes nothing. What a person should know is told at once, so that it is known
 * whatever fails after it.
 */
export async function draftRecords(
  parts: DraftParts,
  tell: (warning: string) => void,
  signal: AbortSignal,
): Promise<ZoneDraft> {
  const { domain, txtPrefix, port, setCaa } = parts.goal;
  const { appId, warning } = await parts.identify(signal);
  if (warning !== undefined) tell(warning);
  const lookups = await lookUpGateway(parts, signal);
  const caa = setCaa ? await caaOwner(parts, signal) : undefined;
  const zone = await parts.provider.zone(baseName(domain), signal);
  const names = new Set([domain, baseName(domain), appAddressName(domain, txtPrefix), challengeName(domain)]);
  return {
    zone,
    names: [...names],
    desire(live) {
      const published = live.find(({ name, type }) => name === domain && type === 'CNAME')?.value;
      const aliasTarget = chooseAliasTarget({ ...lookups, published });
      const wanted = { domain, aliasTarget, appId, port, txtPrefix, caa };
      return desiredRecords(wanted, parts.provider.capabilities.normalizeTtl);
    },
  };
}

/** The target of a CNAME at the challenge name, which would lead the CA elsewhere. */
export function aliasOfChallenge(domain: string, live: readonly LiveRecord[]): string | undefined {
  return live.find(({ name, type }) => name === challengeName(domain) && type === 'CNAME')?.value;
}

async function caaOwner({ authority }: DraftParts, signal: AbortSignal) {
  return { accountUrl: await authority.accountUrl(signal), issuer: await authority.caaIdentity(signal) };
}

async function lookUpGateway(
  { goal, resolver }: DraftParts,
  signal: AbortSignal,
): Promise<Omit<GatewayLookups, 'published'>> {
  const { gatewayDomain } = goal;
  const friendly = friendlyName(gatewayDomain);
  const lookUp = async (name: string | undefined) => {
    if (friendly === undefined || name === undefined) return undefined;
    // A look-up that fails decides nothing: what is published stays.
    return addressesOf(name, resolver, signal).catch(() => undefined);
  };
  const [configured, other] = await Promise.all([lookUp(gatewayDomain), lookUp(friendly)]);
  return { gatewayDomain, configured, friendly: other };
}
