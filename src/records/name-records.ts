import { baseName, challengeName } from '../dns/name.ts';
import type { Capabilities } from '../dns/provider.ts';
import { type CurrentRecord, sameData } from '../dns/record.ts';
import { type Addresses, allAddresses } from '../dns/resolver.ts';
import { IngressError } from '../errors.ts';
import { chooseAlias, chooseAliasTarget, type GatewayLookups, standInAddresses } from './alias.ts';
import { appAddress, appAddressName } from './app-address.ts';
import { type CaaOwner, type DesiredRecord, desiredRecords, type Wanted } from './desired.ts';

/** The part of the configuration that decides the records of a name. */
export interface RecordSpec {
  readonly gatewayDomain: string;
  readonly port: number;
  /** First label of the app-address name. */
  readonly txtPrefix: string;
  readonly setCaa: boolean;
}

/** Results of the lookups of the gateway. */
export interface Gateway extends Omit<GatewayLookups, 'published'> {
  /** Addresses of the configured name; undefined when the lookup failed. */
  readonly addresses: Addresses | undefined;
  /** Why the lookup failed. */
  readonly failure: string | undefined;
  /**
   * Addresses of the gateway that dstack names; undefined when unknown, or when dstack names no
   * other gateway.
   */
  readonly injected: readonly string[] | undefined;
}

/** What the records of every name depend on. */
export interface RecordFacts {
  readonly appId: string;
  readonly gateway: Gateway;
  /** Accounts that may issue; undefined when no CAA record is desired. */
  readonly caa: readonly CaaOwner[] | undefined;
}

/** A served name in its zone. */
export interface NameInZone {
  readonly domain: string;
  /** The apex of the zone; undefined when the credentials may not read it. */
  readonly apex: string | undefined;
  /** Whether a certificate for the name is stored. */
  readonly certified: boolean;
}

/** The desired records of one name. */
export interface NameRecords {
  readonly domain: string;
  readonly records: readonly DesiredRecord[];
  /** One sentence for each choice that the operator should know of. */
  readonly warnings: readonly string[];
  /** DNS_LOOKUP_FAILED: the gateway has no address, so no record can point clients to it. */
  readonly unreachable?: IngressError;
  /** Why no record of the name can be planned: DNS_LOOKUP_FAILED or CHALLENGE_NAME_IS_ALIAS. */
  readonly refused?: IngressError;
}

/** The owner names whose current records decide the records of a name. */
export function ownerNames(domain: string, { txtPrefix }: Pick<RecordSpec, 'txtPrefix'>): string[] {
  const names = [domain, baseName(domain), appAddressName(domain, txtPrefix), challengeName(domain)];
  return [...new Set(names)];
}

/**
 * The desired records of a name, given the current records of its zone: a published alias stays
 * unless the lookups of the gateway contradict it. A name that could get no certificate, because
 * its challenge name is an alias, is refused: another program may be serving it. Pure.
 */
export function recordsOfName(
  { domain, apex, certified }: NameInZone,
  current: readonly CurrentRecord[],
  facts: RecordFacts,
  { spec, capabilities }: { readonly spec: RecordSpec; readonly capabilities: Capabilities },
): NameRecords {
  const challengeAlias = certified ? undefined : challengeAliasFault(domain, current);
  if (challengeAlias) return { domain, records: [], warnings: [], refused: challengeAlias };
  const { appId, gateway, caa } = facts;
  const { txtPrefix, port } = spec;
  // If our app-address is published, the addresses at the name are ours too, from an earlier run.
  const ours = { ...appAddress({ domain, appId, port, txtPrefix }), ttl: 0 };
  const isOurs = current.some((record) => sameData(record, ours));
  const { target, warnings, refused } = routeOf(
    { domain, apex, current, isOurs },
    gateway,
    spec,
    capabilities,
  );
  if (refused) return { domain, records: [], warnings, refused };
  const wanted = { domain, alias: target ?? { addresses: [] }, appId, port, txtPrefix, caa };
  const records = desiredRecords(wanted, capabilities.normalizeTtl);
  if (target) return { domain, records, warnings };
  // Omit the app-address: a published one marks the addresses at the name as ours.
  const withoutRoute = records.filter(({ purpose }) => purpose === 'caa');
  return { domain, records: withoutRoute, warnings, unreachable: gatewayWithoutAddress(domain, spec) };
}

/**
 * CHALLENGE_NAME_IS_ALIAS when the challenge name has a CNAME, which the CA would follow; else
 * undefined. Pure.
 */
export function challengeAliasFault(
  domain: string,
  current: readonly CurrentRecord[],
): IngressError | undefined {
  const alias = current.find(({ name, type }) => name === challengeName(domain) && type === 'CNAME');
  return alias && new IngressError('CHALLENGE_NAME_IS_ALIAS', `${alias.name} is an alias of ${alias.value}`);
}

interface Route {
  /** Undefined if the name would get the gateway's addresses, and the gateway has none. */
  readonly target?: Wanted['alias'];
  readonly warnings: readonly string[];
  readonly refused?: IngressError;
}

interface RouteQuestion extends Omit<NameInZone, 'certified'> {
  readonly current: readonly CurrentRecord[];
  readonly isOurs: boolean;
}

function routeOf(
  { domain, apex, current, isOurs }: RouteQuestion,
  { addresses, configured, ...lookups }: Gateway,
  { gatewayDomain, setCaa }: RecordSpec,
  capabilities: Capabilities,
): Route {
  const published = current.find(({ name, type }) => name === domain && type === 'CNAME')?.value;
  const target = chooseAliasTarget({ ...lookups, configured, published });
  const caaName = setCaa ? baseName(domain) : undefined;
  const alias = chooseAlias({ domain, target, apex, caaName, current }, capabilities);
  if (alias.kind === 'name') return { target: { target: alias.target }, warnings: [] };
  const standIns = standInAddresses(domain, addresses, isOurs ? current : []);
  if (standIns.length === 0 && addresses !== undefined) return { warnings: [] };
  if (standIns.length === 0) {
    const hint = `Check GATEWAY_DOMAIN. ${domain} gets the gateway's addresses instead of a CNAME, because ${alias.why}.`;
    const sentence = `the gateway ${gatewayDomain} could not be looked up`;
    return { warnings: [], refused: new IngressError('DNS_LOOKUP_FAILED', sentence, { hint }) };
  }
  const isUnknown = addresses === undefined || allAddresses(addresses).length === 0;
  return {
    target: { addresses: standIns },
    warnings: [
      ...(isUnknown
        ? [`the gateway ${gatewayDomain} has no known address; the published addresses of ${domain} stay`]
        : []),
      `${domain} gets the addresses of ${gatewayDomain} instead of a CNAME, because ${alias.why}; every reconciliation looks them up again`,
    ],
  };
}

function gatewayWithoutAddress(domain: string, { gatewayDomain }: RecordSpec): IngressError {
  const sentence = `the gateway ${gatewayDomain} has no address, so no record can point ${domain} to it`;
  return new IngressError('DNS_LOOKUP_FAILED', sentence, {
    hint: 'Check GATEWAY_DOMAIN: the dashboard of the cloud shows the base domain of its gateway.',
  });
}
