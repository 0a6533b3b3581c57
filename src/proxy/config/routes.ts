import { plainHost, port, servedName } from './syntax.ts';

/** Where the connections for a name are handed on to, and how. */
export interface Target {
  /** A hostname, an IPv4 or an IPv6 literal (without brackets). */
  readonly host: string;
  readonly port: number;
  /** `tcp`: the bytes as they come. `http/1.1` and `h2`: requests, in that version of HTTP whatever the client speaks. */
  readonly speaks: 'tcp' | 'http/1.1' | 'h2';
  /** Whether the app wants TLS. */
  readonly tls: boolean;
}

/** One name that is served. */
export interface Route {
  /** In lower case; `*.example.com` stands for every name one label below. */
  readonly name: string;
  readonly target: Target;
  /** Application protocols to offer (RFC 7301), the preferred one first. Empty: none is negotiated. */
  readonly alpn: readonly string[];
}

const SCHEMES = {
  tcp: ['tcp', 'tls'],
  'http/1.1': ['http', 'https'],
  h2: ['grpc', 'grpcs'],
} as const;

/** What the target is called in the configuration and in the log; the same target has one name, and no two share one. */
export function targetName({ host, port: number, speaks, tls }: Target): string {
  return `${SCHEMES[speaks][tls ? 1 : 0]}:${plainHost(host)}:${port('target port', number)}`;
}

/** As TARGET_ENDPOINT and ROUTING_MAP may name it: what is forwarded, not what is offered to clients. */
export function urlOf({ host, port: number, speaks, tls }: Target): string {
  return `${SCHEMES[speaks][tls ? 1 : 0]}://${host.includes(':') ? `[${host}]` : host}:${number}`;
}

/** A target, with the protocols that are offered for the names that lead to it. */
export interface OfferedTarget extends Target {
  readonly alpn: ReadonlySet<string>;
}

/** Each target once, by its name. */
export function targetsOf(routes: readonly Route[]): ReadonlyMap<string, OfferedTarget> {
  const targets = new Map<string, OfferedTarget>();
  for (const { target, alpn } of routes) {
    const name = targetName(target);
    targets.set(name, { ...target, alpn: new Set([...(targets.get(name)?.alpn ?? []), ...alpn]) });
  }
  return targets;
}

/** The protocols to offer for a name that is served. Throws a RangeError for any other name. */
export function alpnOf(routes: readonly Route[], name: string): readonly string[] {
  const route = routes.find((candidate) => candidate.name === name);
  if (route) return route.alpn;
  throw new RangeError(`no route for the name ${JSON.stringify(name)}`);
}

/** The names with a route of their own that a wildcard would stand for: they wait for a certificate of their own. */
export function exactBelow(routes: readonly Route[], wildcard: string): readonly string[] {
  if (!wildcard.startsWith('*.')) return [];
  return routes
    .map(({ name }) => name)
    .filter((name) => name !== wildcard && name.replace(/^[^.]+/, '*') === wildcard);
}

/** The file in which HAProxy looks up the target of a name. Throws a RangeError for a name that stands there twice. */
export function renderRoutes(routes: readonly Route[]): string {
  const lines = new Map(routes.map(({ name, target }) => [servedName(name), targetName(target)]));
  if (lines.size < routes.length) throw new RangeError('two routes have the same name');
  return [...lines].map(([name, target]) => `${name} ${target}\n`).join('');
}
