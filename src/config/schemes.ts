/** What the scheme of an endpoint says. */
export interface Scheme {
  /** The port where the endpoint names none. */
  readonly port?: number;
  /** What is forwarded: bytes as they are, or requests. */
  readonly speaks: 'tcp' | 'http/1.1' | 'h2';
  /** Whether the app is spoken to by TLS. */
  readonly tls: boolean;
  /**
   * The application protocols that are offered to clients (RFC 7301), the preferred one first, by their names in IANA's registry:
   * https://www.iana.org/assignments/tls-extensiontype-values/tls-extensiontype-values.xhtml#alpn-protocol-ids
   */
  readonly alpn: readonly string[];
  /** Clients that refuse to talk where none of these was negotiated. */
  readonly insisting?: string;
}

const http = { speaks: 'http/1.1', alpn: ['h2', 'http/1.1'] } as const;
const grpc = { speaks: 'h2', alpn: ['h2'], insisting: 'gRPC clients' } as const;
const bytes = { speaks: 'tcp', tls: false } as const;
const postgres = {
  ...{ ...bytes, port: 5432, alpn: ['postgresql'] },
  insisting: 'PostgreSQL clients with sslnegotiation=direct',
} as const;

/** What has no name of its own in the registry (SMTP, Redis, SSH) needs no row: no client can ask for it. */
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

/** In the order of the table. */
export const schemeNames = Object.keys(table) as readonly SchemeName[]; // Object.keys promises only strings.

/** The schemes of protocols that are forwarded as bytes and have a name of their own in handshakes. */
export const namedBytes = schemeNames.filter(
  (name) => SCHEMES[name].speaks === 'tcp' && SCHEMES[name].alpn.length > 0,
);
