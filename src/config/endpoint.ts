import { isIP } from 'node:net';
import { invalid, type ValueFault } from './faults.ts';
import { quote } from './quote.ts';

/** The properties that the scheme of an endpoint determines. */
export interface Scheme {
  /** The port if the endpoint gives none. */
  readonly port?: number;
  /** Whether unchanged bytes or requests are forwarded. */
  readonly speaks: 'tcp' | 'http/1.1' | 'h2';
  /** Whether connections to the app use TLS. */
  readonly tls: boolean;
  /**
   * Application protocols to offer to clients (RFC 7301), in order of preference, by their names in
   * the IANA registry:
   * https://www.iana.org/assignments/tls-extensiontype-values/tls-extensiontype-values.xhtml#alpn-protocol-ids
   */
  readonly alpn: readonly string[];
  /** Clients that refuse a connection on which none of these was negotiated. */
  readonly insisting?: string;
}

const http = { speaks: 'http/1.1', alpn: ['h2', 'http/1.1'] } as const;
const grpc = { speaks: 'h2', alpn: ['h2'], insisting: 'gRPC clients' } as const;
const bytes = { speaks: 'tcp', tls: false } as const;
const postgres = {
  ...{ ...bytes, port: 5432, alpn: ['postgresql'] },
  insisting: 'PostgreSQL clients with sslnegotiation=direct',
} as const;

/**
 * Protocols without a name in that registry (SMTP, Redis, SSH) need no row: no client can negotiate
 * them.
 */
const table = {
  tcp: { ...bytes, alpn: [] },
  http: { ...http, tls: false, port: 80 },
  https: { ...http, tls: true, port: 443 },
  grpc: { ...grpc, tls: false },
  grpcs: { ...grpc, tls: true },
  postgres,
  postgresql: postgres,
  mqtt: { ...bytes, port: 1883, alpn: ['mqtt'] },
  xmpp: { ...bytes, port: 5222, alpn: ['xmpp-client'] },
  imap: { ...bytes, port: 143, alpn: ['imap'] },
  pop3: { ...bytes, port: 110, alpn: ['pop3'] },
  irc: { ...bytes, port: 6667, alpn: ['irc'] },
} as const satisfies Readonly<Record<string, Scheme>>;

export type SchemeName = keyof typeof table;

/** The schemes of TARGET_ENDPOINT and ROUTING_MAP. */
export const SCHEMES: Readonly<Record<SchemeName, Scheme>> = table;

/** The names of the schemes, in the order of the table. */
const schemeNames = Object.keys(table) as readonly SchemeName[]; // Object.keys promises only strings.

/** The schemes of protocols that are forwarded as bytes and have an ALPN name. */
export const namedBytes = schemeNames.filter(
  (name) => SCHEMES[name].speaks === 'tcp' && SCHEMES[name].alpn.length > 0,
);

/** The address of an app, as in TARGET_ENDPOINT and ROUTING_MAP. */
export interface Endpoint {
  readonly scheme: SchemeName;
  /** A host name or an IP address (IPv6 without brackets). */
  readonly host: string;
  readonly port: number;
  /** A path after the port. It has no effect: the app gets the paths that clients request. */
  readonly ignoredPath: string | undefined;
}

const HOST = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*$/;
const ENDPOINT =
  /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\[[0-9a-f:.]+\]|[^[\]/:]+)(?::(\d{1,5}))?(\/[\x21-\x7e]*)?$/i;

/** Parses an endpoint, or says what is wrong with it, quoting it only if `mayShow`. */
export function parseEndpoint(text: string, mayShow = true): Endpoint | { wrong: ValueFault } {
  // It may contain a password, which must not reach a log.
  if (text.includes('@'))
    return invalid(
      'contains-credentials',
      'contains an "@": an endpoint is only scheme, host and port; credentials come from the clients',
    );
  const match = ENDPOINT.exec(text);
  if (!match?.[2] || !isHost(match[2])) {
    const problem = `is not host:port or scheme://host:port${mayShow ? `: ${quote(text)}` : ''}`;
    return invalid('not-an-endpoint', problem);
  }
  const named = match[1]?.toLowerCase() ?? 'tcp';
  const scheme = schemeNames.find((known) => known === named);
  if (scheme === undefined) {
    const known = `${schemeNames.join(', ')}${mayShow ? `: ${named}` : ''}`;
    const problem = `has a scheme that is none of ${known} (use tcp for any other protocol)`;
    return invalid('unknown-scheme', problem);
  }
  const port = Number(match[3] ?? SCHEMES[scheme].port ?? Number.NaN);
  if (!(port >= 1 && port <= 65_535)) return invalid('out-of-range', 'has no port from 1 to 65535');
  const ignoredPath = match[4] === '/' ? undefined : match[4];
  return { scheme, host: match[2].replace(/^\[|\]$/g, ''), port, ignoredPath };
}

function isHost(written: string): boolean {
  // 0.0.0.0 and :: are addresses to listen on; as a target they lead back to this container.
  if (/^[[\]0.:]+$/.test(written)) return false;
  if (written.startsWith('[')) return isIP(written.slice(1, -1)) === 6;
  // Digits and dots alone are an IPv4 address, or a mistyped one.
  return /^[\d.]+$/.test(written) ? isIP(written) === 4 : HOST.test(written);
}
