import { appAddressName, baseName, challengeName } from '../dns/name.ts';
import type { Zone } from '../dns/provider.ts';
import { type CurrentRecord, sameData } from '../dns/record.ts';
import { allAddresses } from '../dns/resolver.ts';
import type { Identity } from '../dstack/identity.ts';
import { IngressError } from '../errors.ts';
import { chooseAlias, chooseAliasTarget, standInAddresses } from '../records/alias.ts';
import {
  appAddress,
  type CaaOwner,
  type DesiredRecord,
  desiredRecords,
  type Wanted,
} from '../records/desired.ts';
import type { Deps } from './deps.ts';
import type { Gateway } from './gateway.ts';

/** What is desired for one name. */
export interface NameDraft {
  readonly domain: string;
  /** The owner names to read. */
  readonly owners: readonly string[];
  /**
   * The desired records, given what stands at these names now: some choices stay as they are published. Throws DNS_LOOKUP_FAILED, and
   * CHALLENGE_NAME_IS_ALIAS.
   */
  readonly desire: (live: readonly CurrentRecord[]) => readonly DesiredRecord[];
  /** Why nothing can lead the name to the gateway; undefined when something does. */
  readonly whyUnled: (live: readonly CurrentRecord[]) => IngressError | undefined;
}

/** What the records of every name depend on. */
export interface Surroundings {
  readonly identity: Identity;
  readonly gateway: Gateway;
  /** Who may issue; undefined when no CAA record is wanted. */
  readonly caa: readonly CaaOwner[] | undefined;
}

type SurroundingParts = Pick<Deps, 'spec' | 'identify' | 'caaOwners' | 'warn'>;

/**
 * Asks the guest agent who we are, while the gateway is looked up, and the authorities (for CAA records) which accounts are ours. What
 * a person should know is told at once, so that it is known whatever fails after it.
 */
export async function lookAround(
  parts: SurroundingParts,
  lookingUp: Promise<Gateway>,
  signal: AbortSignal,
): Promise<Surroundings> {
  const [identity, gateway] = await Promise.all([parts.identify(signal), lookingUp]);
  if (identity.warning !== undefined) parts.warn(identity.warning);
  return { identity, gateway, caa: parts.spec.setCaa ? await parts.caaOwners(signal) : undefined };
}

type DraftParts = Pick<Deps, 'spec' | 'provider' | 'warn'>;

/** A name whose records are planned. */
export interface DraftPlace {
  readonly domain: string;
  readonly zone: Zone;
  /** Whether a certificate for it is there already. */
  readonly certified: boolean;
}

/**
 * What is to be read and desired for one name of a zone. A name that could get no certificate is left as it is: who set the alias at
 * its challenge name may be serving it.
 */
export function draftName(
  parts: DraftParts,
  { domain, zone, certified }: DraftPlace,
  surroundings: Surroundings,
): NameDraft {
  const { txtPrefix, port } = parts.spec;
  const { gateway, caa, identity } = surroundings;
  const { appId } = identity;
  const owners = [domain, baseName(domain), appAddressName(domain, txtPrefix), challengeName(domain)];
  const aliasFor = (live: readonly CurrentRecord[]) => {
    // With our app-address beside them, the addresses at the name are of an earlier pass.
    const mark = { ...appAddress({ domain, appId, port, txtPrefix }), ttl: 0 };
    const ours = live.some((record) => sameData(record, mark));
    return decideAlias(parts, gateway, { domain, zone, live, ours });
  };
  return {
    domain,
    owners: [...new Set(owners)],
    desire(live) {
      if (!certified) assertNoAliasOfChallenge(domain, live);
      const alias = aliasFor(live);
      const wanted = { domain, alias: alias ?? { addresses: [] }, appId, port, txtPrefix, caa };
      const desired = desiredRecords(wanted, parts.provider.capabilities.normalizeTtl);
      // Our app-address would make the addresses of somebody else at the name look like ours.
      return alias ? desired : desired.filter(({ purpose }) => purpose === 'caa');
    },
    whyUnled: (live) => (aliasFor(live) ? undefined : gatewayNowhere(domain, parts.spec)),
  };
}

interface AliasPlace {
  readonly domain: string;
  readonly zone: Zone;
  readonly live: readonly CurrentRecord[];
  readonly ours: boolean;
}

/** Undefined where the name would get the gateway's addresses, and it has none. Throws DNS_LOOKUP_FAILED when they are not known. */
function decideAlias(
  { spec, provider, warn }: DraftParts,
  { addresses, configured, ...lookups }: Gateway,
  { domain, zone, live, ours }: AliasPlace,
): Wanted['alias'] | undefined {
  const { gatewayDomain, setCaa } = spec;
  const published = live.find(({ name, type }) => name === domain && type === 'CNAME')?.value;
  const target = chooseAliasTarget({ ...lookups, configured, published });
  const place = { domain, target, apex: zone.name, caaName: setCaa ? baseName(domain) : undefined, live };
  const alias = chooseAlias(place, provider.capabilities);
  if (alias.kind === 'name') return alias;
  const standIns = standInAddresses(domain, addresses, ours ? live : []);
  if (standIns.length === 0 && addresses !== undefined) return undefined;
  if (standIns.length === 0) {
    throw new IngressError('DNS_LOOKUP_FAILED', `the gateway ${gatewayDomain} could not be looked up`, {
      hint: `Check GATEWAY_DOMAIN. ${domain} cannot be an alias, because ${alias.why}, so it gets the gateway's addresses.`,
    });
  }
  if (addresses === undefined || allAddresses(addresses).length === 0)
    warn(`the gateway ${gatewayDomain} has no address now; what is published for ${domain} stays`);
  warn(
    `${domain} gets the addresses of ${gatewayDomain} instead of an alias, because ${alias.why}; they are looked up again in every round`,
  );
  return { addresses: standIns };
}

function gatewayNowhere(domain: string, { gatewayDomain }: Deps['spec']): IngressError {
  const sentence = `the gateway ${gatewayDomain} has no address, so nothing can lead ${domain} to it`;
  return new IngressError('DNS_LOOKUP_FAILED', sentence, {
    hint: 'Check GATEWAY_DOMAIN: the dashboard of the cloud shows the base domain of its gateway.',
  });
}

/** A CNAME at the challenge name would lead the CA elsewhere. Throws CHALLENGE_NAME_IS_ALIAS. */
export function assertNoAliasOfChallenge(domain: string, live: readonly CurrentRecord[]): void {
  const alias = live.find(({ name, type }) => name === challengeName(domain) && type === 'CNAME');
  if (alias) throw new IngressError('CHALLENGE_NAME_IS_ALIAS', `${alias.name} is an alias of ${alias.value}`);
}
