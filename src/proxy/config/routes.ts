import { checkedHost, port } from './syntax.ts';

/** The app that connections for a name are forwarded to, and how. */
export interface Target {
  /** A hostname, an IPv4 or an IPv6 address (without brackets). */
  readonly host: string;
  readonly port: number;
  /**
   * `tcp`: bytes are forwarded unchanged. `http/1.1`, `h2`: requests are forwarded in this version,
   * whatever the client uses.
   */
  readonly speaks: 'tcp' | 'http/1.1' | 'h2';
  /** Whether the app uses TLS. */
  readonly tls: boolean;
}

/** One name that is served. */
export interface ProxyRoute {
  /** In lower case; `*.example.com` covers every name one label below. */
  readonly name: string;
  readonly target: Target;
  /**
   * The application protocols to offer (ALPN, RFC 7301), the preferred one first. Empty: none is
   * negotiated.
   */
  readonly alpn: readonly string[];
}

const SCHEMES = {
  tcp: ['tcp', 'tls'],
  'http/1.1': ['http', 'https'],
  h2: ['grpc', 'grpcs'],
} as const;

/**
 * The name of a target in haproxy.cfg and in the log; equal targets have equal names, and different
 * targets different ones.
 */
export function targetName({ host, port: number, speaks, tls }: Target): string {
  return `${SCHEMES[speaks][tls ? 1 : 0]}:${checkedHost(host)}:${port('target port', number)}`;
}

/** The target as it is written in TARGET_ENDPOINT or ROUTING_MAP, without the ALPN. */
export function targetUrl({ host, port: number, speaks, tls }: Target): string {
  return `${SCHEMES[speaks][tls ? 1 : 0]}://${host.includes(':') ? `[${host}]` : host}:${number}`;
}

/** A target, with every protocol that is offered for one of its names. */
export interface TargetWithAlpn extends Target {
  readonly alpn: ReadonlySet<string>;
}

/** The distinct targets, by name. */
export function targetsOf(routes: readonly ProxyRoute[]): ReadonlyMap<string, TargetWithAlpn> {
  const targets = new Map<string, TargetWithAlpn>();
  for (const { target, alpn } of routes) {
    const name = targetName(target);
    targets.set(name, { ...target, alpn: new Set([...(targets.get(name)?.alpn ?? []), ...alpn]) });
  }
  return targets;
}

/** The protocols to offer for a served name. Throws a RangeError for any other name. */
export function alpnOf(routes: readonly ProxyRoute[], name: string): readonly string[] {
  const route = routes.find((candidate) => candidate.name === name);
  if (route) return route.alpn;
  throw new RangeError(`no route for the name ${JSON.stringify(name)}`);
}

/**
 * The names that a wildcard matches but that have their own route, and so their own certificate.
 */
export function exactNamesBelow(routes: readonly ProxyRoute[], wildcard: string): readonly string[] {
  if (!wildcard.startsWith('*.')) return [];
  return routes
    .map(({ name }) => name)
    .filter((name) => name !== wildcard && name.replace(/^[^.]+/, '*') === wildcard);
}
