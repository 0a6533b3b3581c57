import type { CertificateAuthority } from '../acme/authority.ts';
import {
  chooseAlias,
  chooseAliasTarget,
  friendlyName,
  type GatewayLookups,
  mayNeedAddresses,
  standInAddresses,
} from '../dns/alias.ts';
import { appAddress, desiredRecords, type Wanted } from '../dns/desired.ts';
import { appAddressName, baseName, challengeName } from '../dns/names.ts';
import type { Zone } from '../dns/provider.ts';
import type { ZoneDraft } from '../dns/reconcile-zone.ts';
import { type LiveRecord, sameData } from '../dns/record.ts';
import { type Addresses, allAddresses, lookUpAddresses } from '../dns/resolver.ts';
import { IngressError } from '../errors.ts';
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
  const { capabilities } = parts.provider;
  return {
    zone,
    names: [...names],
    desire(live) {
      // With our app-address beside them, the addresses at the name are of an earlier pass.
      const mark = { ...appAddress({ domain, appId, port, txtPrefix }), ttl: 0 };
      const ours = live.some((record) => sameData(record, mark));
      const alias = decideAlias(parts, lookups, { zone, live, ours }, tell);
      return desiredRecords({ domain, alias, appId, port, txtPrefix, caa }, capabilities.normalizeTtl);
    },
  };
}

function decideAlias(
  { goal, provider }: DraftParts,
  { addresses, ...lookups }: Gateway,
  { zone, live, ours }: { readonly zone: Zone; readonly live: readonly LiveRecord[]; readonly ours: boolean },
  tell: (warning: string) => void,
): Wanted['alias'] {
  const { domain, gatewayDomain, setCaa } = goal;
  const published = live.find(({ name, type }) => name === domain && type === 'CNAME')?.value;
  const target = chooseAliasTarget({ ...lookups, published });
  const place = { domain, target, apex: zone.name, caaName: setCaa ? baseName(domain) : undefined, live };
  const alias = chooseAlias(place, provider.capabilities);
  if (alias.kind === 'name') return alias;
  const standIns = standInAddresses(domain, addresses, ours ? live : []);
  if (standIns.length === 0) {
    throw new IngressError('DNS_LOOKUP_FAILED', `the gateway ${gatewayDomain} has no address`, {
      hint: `Check GATEWAY_DOMAIN. ${domain} cannot be an alias, because ${alias.why}, so it gets the gateway's addresses.`,
    });
  }
  if (addresses === undefined || allAddresses(addresses).length === 0)
    tell(`the gateway ${gatewayDomain} has no address now; what is published for ${domain} stays`);
  tell(
    `${domain} gets the addresses of ${gatewayDomain} instead of an alias, because ${alias.why}; they are looked up again every hour`,
  );
  return { addresses: standIns };
}

/** The target of a CNAME at the challenge name, which would lead the CA elsewhere. */
export function aliasOfChallenge(domain: string, live: readonly LiveRecord[]): string | undefined {
  return live.find(({ name, type }) => name === challengeName(domain) && type === 'CNAME')?.value;
}

async function caaOwner({ authority }: DraftParts, signal: AbortSignal) {
  return { accountUrl: await authority.accountUrl(signal), issuer: await authority.caaIdentity(signal) };
}

interface Gateway extends Omit<GatewayLookups, 'published'> {
  /** Of the configured name; undefined when the look-up failed or was not needed. */
  readonly addresses: Addresses | undefined;
}

async function lookUpGateway(
  { goal, resolver, provider }: DraftParts,
  signal: AbortSignal,
): Promise<Gateway> {
  const { gatewayDomain } = goal;
  const friendly = friendlyName(gatewayDomain);
  const needed = friendly !== undefined || mayNeedAddresses(provider.capabilities);
  // A look-up that fails decides nothing: what is published stays.
  const lookUp = async (name: string) =>
    lookUpAddresses(name, resolver, signal).catch((): Addresses | undefined => undefined);
  const [addresses, other] = await Promise.all([
    needed ? lookUp(gatewayDomain) : undefined,
    friendly === undefined ? undefined : lookUp(friendly),
  ]);
  return {
    gatewayDomain,
    addresses,
    configured: addresses && allAddresses(addresses),
    friendly: other && allAddresses(other),
  };
}
