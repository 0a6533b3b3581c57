import type { CertGroup, RoutingMap } from './lists.ts';

/** The settings that determine which names are served. Missing or faulty ones are undefined. */
export interface NameSettings {
  readonly domain?: string | undefined;
  readonly aliasDomains?: readonly string[] | undefined;
  readonly domains?: readonly string[] | undefined;
  readonly routingMap?: RoutingMap | undefined;
  readonly certGroups?: readonly CertGroup[] | undefined;
}

/** A name to serve, and the first variable that contains it. */
export interface ServedName {
  readonly name: string;
  readonly variable: 'DOMAIN' | 'ALIAS_DOMAIN' | 'DOMAINS' | 'ROUTING_MAP' | 'CERT_GROUPS';
}

/**
 * Every name once: DOMAIN, then ALIAS_DOMAIN, DOMAINS, ROUTING_MAP and CERT_GROUPS, each in its own
 * order. Pure.
 */
export function servedNames(settings: NameSettings): ServedName[] {
  const { domain, aliasDomains = [], domains = [], routingMap, certGroups = [] } = settings;
  const all = [
    ...namedBy('DOMAIN', domain === undefined ? [] : [domain]),
    ...namedBy('ALIAS_DOMAIN', aliasDomains),
    ...namedBy('DOMAINS', domains),
    ...namedBy('ROUTING_MAP', [...(routingMap?.keys() ?? [])]),
    ...namedBy('CERT_GROUPS', certGroups.flat()),
  ];
  const first = new Map<string, ServedName>();
  for (const served of all) if (!first.has(served.name)) first.set(served.name, served);
  return [...first.values()];
}

function namedBy(variable: ServedName['variable'], names: readonly string[]): ServedName[] {
  return names.map((name) => ({ name, variable }));
}
