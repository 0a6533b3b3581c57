import { isIP } from 'node:net'; // parses text, nothing else
import type { Endpoint } from './endpoint.ts';
import { SCHEMES, type Scheme } from './endpoint.ts';
import type { Fault } from './faults.ts';
import { type NameSettings, type ServedName, servedNames } from './served-names.ts';
import { type ConfigWarning, unused } from './warnings.ts';

/** The target of the connections for one name. */
export interface Route {
  /** `app.example.com`, or `*.example.com`. */
  readonly name: string;
  readonly target: RouteTarget;
  /**
   * Application protocols to offer (RFC 7301), in order of preference. Empty: none is negotiated.
   */
  readonly alpn: readonly string[];
}

/** The address of an app, and what is forwarded to it. */
export interface RouteTarget {
  /** A host name or an IP address (IPv6 without brackets). */
  readonly host: string;
  readonly port: number;
  readonly speaks: Scheme['speaks'];
  readonly tls: boolean;
}

/** The settings that determine the routes. Missing or faulty ones are undefined. */
export interface RouteSettings extends NameSettings {
  readonly targetEndpoint?: Endpoint | undefined;
  readonly proxyMode?: 'auto' | 'tcp' | undefined;
  readonly evidenceServer?: boolean | undefined;
  readonly alpn?: readonly string[] | undefined;
  readonly targetTlsVerify?: boolean | undefined;
  readonly targetCaFile?: string | undefined;
}

/** The routes, with the faults and warnings of their settings. */
export interface Routing {
  readonly routes: readonly Route[];
  readonly faults: readonly Fault[];
  readonly warnings: readonly ConfigWarning[];
}

const TARGETS = ['TARGET_ENDPOINT', 'ROUTING_MAP'];
const WHERE = 'Set TARGET_ENDPOINT to the app, such as app:80, or add an entry to ROUTING_MAP';

/**
 * Determines the target of each name. `known` returns whether a variable already has a fault;
 * faults that only follow from it are not reported. `isSet` returns whether a variable is set.
 * Pure.
 */
export function planRoutes(
  settings: RouteSettings,
  known: (variable: string) => boolean,
  isSet: (variable: string) => boolean,
): Routing {
  const names = servedNames(settings);
  const routed = names.flatMap((served) => routeFor(served, settings));
  const untargeted = names.filter(({ name }) => !routed.some((route) => route.name === name));
  const faults = [
    ...withoutName(names, known),
    ...withoutTarget(untargeted, settings, known),
    ...unverifiable(routed, settings),
  ];
  // A setting may only seem unused because a target is faulty.
  const mayBeUsed = untargeted.length > 0 || [...TARGETS, 'TARGET_TLS_VERIFY'].some(known);
  return {
    routes: routed.map((route) => toRoute(route, settings)),
    faults: uniqueBy(faults, ({ variable, problem }) => `${variable} ${problem}`),
    warnings: uniqueBy(
      [...routeWarnings(routed, settings), ...(mayBeUsed ? [] : unusedSettings(routed, settings, isSet))],
      (warning) => JSON.stringify(warning),
    ),
  };
}

/**
 * A name with its endpoint and the variable that contains the endpoint; for ROUTING_MAP, also the
 * name of the entry.
 */
interface Routed {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly variable: 'TARGET_ENDPOINT' | 'ROUTING_MAP';
  readonly entry?: string;
}

/** An alias without an entry has the target of DOMAIN. */
function routeFor({ name, variable }: ServedName, settings: RouteSettings): Routed[] {
  const { domain, routingMap, targetEndpoint } = settings;
  const candidates = variable === 'ALIAS_DOMAIN' && domain !== undefined ? [name, domain] : [name];
  for (const entry of candidates) {
    const endpoint = routingMap?.get(entry);
    if (endpoint) return [{ name, endpoint, variable: 'ROUTING_MAP', entry }];
  }
  return targetEndpoint ? [{ name, endpoint: targetEndpoint, variable: 'TARGET_ENDPOINT' }] : [];
}

function toRoute({ name, endpoint }: Routed, { proxyMode, evidenceServer, alpn }: RouteSettings): Route {
  const { host, port } = endpoint;
  const scheme = SCHEMES[endpoint.scheme];
  const speaks = proxyMode === 'tcp' ? 'tcp' : scheme.speaks;
  const target = { host, port, speaks, tls: scheme.tls };
  return { name, target, alpn: alpn ?? offered(speaks, scheme, evidenceServer !== false) };
}

function offered(
  speaks: Scheme['speaks'],
  { speaks: unforced, alpn }: Scheme,
  evidence: boolean,
): readonly string[] {
  // gRPC clients require h2, however it is forwarded.
  if (speaks !== 'tcp' || unforced === 'h2') return alpn;
  // Offer http/1.1, so that clients that announce HTTP find /evidences/.
  return [...(unforced === 'tcp' ? alpn : []), ...(evidence ? ['http/1.1'] : [])];
}

const NAMING = ['DOMAIN', 'DOMAINS', 'ROUTING_MAP', 'CERT_GROUPS'];

function withoutName(names: readonly ServedName[], known: (variable: string) => boolean): Fault[] {
  if (names.length > 0 || NAMING.some(known)) return [];
  const problem = 'is not set, and none of DOMAINS, ROUTING_MAP and CERT_GROUPS contains a name';
  const fix = 'Set it to a name in a zone of your DNS provider, such as app.example.com.';
  return [{ variable: 'DOMAIN', kind: 'missing', problem, fix, missing: NAMING }];
}

function withoutTarget(
  untargeted: readonly ServedName[],
  { domains = [], routingMap, certGroups = [], targetEndpoint }: RouteSettings,
  known: (variable: string) => boolean,
): Fault[] {
  if (known('TARGET_ENDPOINT') || known('ROUTING_MAP')) return [];
  const plain = domains.length === 0 && routingMap === undefined && certGroups.length === 0;
  if (plain && targetEndpoint === undefined)
    return [
      {
        variable: 'TARGET_ENDPOINT',
        kind: 'missing',
        problem: 'is not set',
        fix: `${WHERE}.`,
        missing: TARGETS,
      },
    ];
  return untargeted.map(({ name, variable }) => ({
    variable,
    kind: 'incomplete',
    details: { name },
    problem: `contains ${name}, but neither ROUTING_MAP nor TARGET_ENDPOINT has a target for it`,
    fix: `${WHERE}: ${name}=app:80.`,
    missing: TARGETS,
  }));
}

/** HAProxy compares only the names in a certificate, so an IP address cannot be verified. */
function unverifiable(routed: readonly Routed[], { targetTlsVerify }: RouteSettings): Fault[] {
  if (targetTlsVerify === false) return [];
  return routed
    .filter(({ endpoint }) => SCHEMES[endpoint.scheme].tls && isIP(endpoint.host) !== 0)
    .map(({ endpoint, variable }) => ({
      variable,
      kind: 'unverifiable',
      details: { host: endpoint.host },
      problem: `requires TLS to the address ${endpoint.host}, but only a host name can be verified against a certificate`,
      fix: 'Set the host name of the app, or set TARGET_TLS_VERIFY=false.',
    }));
}

function routeWarnings(routed: readonly Routed[], { alpn }: RouteSettings): ConfigWarning[] {
  return routed.flatMap(({ endpoint, variable, entry }): ConfigWarning[] => {
    const { scheme, ignoredPath } = endpoint;
    const { insisting: clients, alpn: protocols } = SCHEMES[scheme];
    return [
      ...(ignoredPath === undefined
        ? []
        : [{ kind: 'ignored-path' as const, variable, path: ignoredPath, ...(entry && { entry }) }]),
      ...(clients !== undefined && alpn !== undefined && !protocols.some((name) => alpn.includes(name))
        ? [{ kind: 'protocol-not-offered' as const, variable: 'ALPN' as const, protocols, clients, scheme }]
        : []),
    ];
  });
}

/** Warnings about set variables that have no effect. */
function unusedSettings(
  routed: readonly Routed[],
  { targetTlsVerify, targetCaFile }: RouteSettings,
  isSet: (variable: string) => boolean,
): ConfigWarning[] {
  const why = routed.some(({ endpoint }) => SCHEMES[endpoint.scheme].tls) ? undefined : 'no-tls-target';
  const unverified = targetTlsVerify === false ? 'not-verified' : undefined;
  const whyNoCa = targetCaFile === undefined ? undefined : (why ?? unverified);
  const target = routed.length > 0 && !routed.some(({ variable }) => variable === 'TARGET_ENDPOINT');
  return [
    ...unused('TARGET_CA_FILE', whyNoCa),
    ...unused('TARGET_TLS_VERIFY', isSet('TARGET_TLS_VERIFY') && why),
    ...unused('TARGET_ENDPOINT', target && isSet('TARGET_ENDPOINT') && 'every-name-routed'),
  ];
}

function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}
