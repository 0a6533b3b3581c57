import {
  chooseAlias,
  chooseAliasTarget,
  friendlyName,
  type GatewayLookups,
  mayNeedAddresses,
  standInAddresses,
} from '../dns/alias.ts';
import {
  appAddress,
  type CaaOwner,
  type DesiredRecord,
  desiredRecords,
  type Wanted,
} from '../dns/desired.ts';
import { appAddressName, baseName, challengeName } from '../dns/names.ts';
import type { Zone } from '../dns/provider.ts';
import { type LiveRecord, sameData } from '../dns/record.ts';
import { type Addresses, allAddresses, lookUpAddresses } from '../dns/resolver.ts';
import { IngressError } from '../errors.ts';
import type { Identity } from '../guest/identity.ts';
import type { Parts } from './parts.ts';

/** What is desired for one name. */
export interface NameDraft {
  readonly domain: string;
  /** The owner names to read. */
  readonly owners: readonly string[];
  /** The desired records, given what stands at these names now: some choices stay as they are published. Throws DNS_LOOKUP_FAILED. */
  readonly desire: (live: readonly LiveRecord[]) => readonly DesiredRecord[];
}

/** What the records of every name depend on. */
export interface Surroundings {
  readonly identity: Identity;
  readonly gateway: Gateway;
  /** Who may issue; undefined when no CAA record is wanted. */
  readonly caa: readonly CaaOwner[] | undefined;
}

type SurroundingParts = Pick<Parts, 'goal' | 'identify' | 'provider' | 'resolver' | 'caaOwners' | 'tell'>;

/**
 * Asks the guest agent who we are, the resolvers where the gateway is, and the authorities (for CAA records) which
 * accounts are ours. What a person should know is told at once, so that it is known whatever fails after it.
 */
export async function lookAround(parts: SurroundingParts, signal: AbortSignal): Promise<Surroundings> {
  const identity = await parts.identify(signal);
  if (identity.warning !== undefined) parts.tell(identity.warning);
  const gateway = await lookUpGateway(parts, signal);
  return { identity, gateway, caa: parts.goal.setCaa ? await parts.caaOwners(signal) : undefined };
}

type DraftParts = Pick<Parts, 'goal' | 'provider' | 'tell'>;

/** What is to be read and desired for one name of a zone. */
export function draftName(
  parts: DraftParts,
  domain: string,
  zone: Zone,
  surroundings: Surroundings,
): NameDraft {
  const { txtPrefix, port } = parts.goal;
  const { gateway, caa, identity } = surroundings;
  const { appId } = identity;
  const owners = [domain, baseName(domain), appAddressName(domain, txtPrefix), challengeName(domain)];
  return {
    domain,
    owners: [...new Set(owners)],
    desire(live) {
      // With our app-address beside them, the addresses at the name are of an earlier pass.
      const mark = { ...appAddress({ domain, appId, port, txtPrefix }), ttl: 0 };
      const ours = live.some((record) => sameData(record, mark));
      const alias = decideAlias(parts, gateway, { domain, zone, live, ours });
      const wanted = { domain, alias, appId, port, txtPrefix, caa };
      return desiredRecords(wanted, parts.provider.capabilities.normalizeTtl);
    },
  };
}

interface AliasPlace {
  readonly domain: string;
  readonly zone: Zone;
  readonly live: readonly LiveRecord[];
  readonly ours: boolean;
}

function decideAlias(
  { goal, provider, tell }: DraftParts,
  { addresses, ...lookups }: Gateway,
  { domain, zone, live, ours }: AliasPlace,
): Wanted['alias'] {
  const { gatewayDomain, setCaa } = goal;
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
    `${domain} gets the addresses of ${gatewayDomain} instead of an alias, because ${alias.why}; they are looked up again in every round`,
  );
  return { addresses: standIns };
}

/** A CNAME at the challenge name, which would lead the CA elsewhere. */
export function aliasOfChallenge(domain: string, live: readonly LiveRecord[]): LiveRecord | undefined {
  return live.find(({ name, type }) => name === challengeName(domain) && type === 'CNAME');
}

interface Gateway extends Omit<GatewayLookups, 'published'> {
  /** Of the configured name; undefined when the look-up failed or was not needed. */
  readonly addresses: Addresses | undefined;
}

async function lookUpGateway(
  { goal, resolver, provider }: SurroundingParts,
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
