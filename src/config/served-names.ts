import type { RoutingMap } from './lists.ts';

/** What says which names are served. Any of it can be missing, or could not be read. */
export interface NameSettings {
  readonly domain?: string | undefined;
  readonly domains?: readonly string[] | undefined;
  readonly routingMap?: RoutingMap | undefined;
}

/** A name to serve, and the variable that names it first. */
export interface ServedName {
  readonly name: string;
  readonly variable: 'DOMAIN' | 'DOMAINS' | 'ROUTING_MAP';
}

/** Every name once: DOMAIN, then DOMAINS in its order, then what only ROUTING_MAP has. Pure. */
export function servedNames({ domain, domains = [], routingMap }: NameSettings): ServedName[] {
  const all: ServedName[] = [
    ...(domain === undefined ? [] : [{ name: domain, variable: 'DOMAIN' as const }]),
    ...domains.map((name) => ({ name, variable: 'DOMAINS' as const })),
    ...[...(routingMap?.keys() ?? [])].map((name) => ({ name, variable: 'ROUTING_MAP' as const })),
  ];
  const first = new Map<string, ServedName>();
  for (const served of all) if (!first.has(served.name)) first.set(served.name, served);
  return [...first.values()];
}
