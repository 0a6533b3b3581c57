/** A zone for which BIND is the primary. */
export interface PrimaryZone {
  /** Without a trailing dot; empty for the root. */
  readonly name: string;
  /** The names of its name servers in the zone, with their addresses: NS records and glue. */
  readonly servers: readonly { readonly label: string; readonly address: string }[];
  /** Additional lines of the zone file, with names relative to the zone. */
  readonly lines?: readonly string[];
  /**
   * Access rules that replace updates from this host: `update-policy { … }`, `allow-transfer { …
   * }`.
   */
  readonly access?: readonly string[];
}

/** A key for transaction signatures (RFC 8945). */
export interface TsigKey {
  readonly name: string;
  /** For example `hmac-sha256`. */
  readonly algorithm: string;
  /** Base64. */
  readonly secret: string;
}

/**
 * named.conf for these zones, which accept dynamic updates from this host unless they have access
 * rules of their own.
 */
export function bindConfig(
  directory: string,
  port: number,
  zones: readonly PrimaryZone[],
  options: readonly string[],
  keys: readonly TsigKey[] = [],
): string {
  const statements = [
    `directory "${directory}"`,
    // BIND listens only on addresses that are assigned to an interface, so 127.0.0.1 is the only
    // one of 127.0.0.0/8.
    `listen-on port ${port} { 127.0.0.1; }`,
    'listen-on-v6 { none; }',
    'reuseport no',
    'pid-file none',
    'session-keyfile none',
    'notify no',
    'allow-transfer { none; }',
    'allow-query { any; }',
    'empty-zones-enable no',
    'dnssec-validation no',
    ...options,
  ];
  return [
    `options {\n${statements.map((line) => `  ${line};`).join('\n')}\n};`,
    'controls {};',
    ...keys.map(keyStatement),
    ...zones.map(zoneStatement),
  ].join('\n');
}

function zoneStatement(zone: PrimaryZone): string {
  const statements = [
    'type primary',
    `file "${zoneFile(zone)}"`,
    ...(zone.access ?? ['allow-update { 127.0.0.1; }']),
    'check-names ignore',
  ];
  return `zone "${zone.name || '.'}" { ${statements.map((line) => `${line};`).join(' ')} };`;
}

function keyStatement({ name, algorithm, secret }: TsigKey): string {
  return `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };`;
}

/** The file name of the zone. */
export function zoneFile({ name }: PrimaryZone): string {
  return `${name || 'root'}.zone`;
}

/** The zone's file. The SOA's last field is the negative TTL (RFC 2308 §4): 1 s. */
export function zoneText({ name, servers, lines = [] }: PrimaryZone): string {
  const [primary] = servers;
  if (!primary) throw new Error(`the zone ${name} has no name server`);
  return [
    `$ORIGIN ${name}.`,
    '$TTL 1',
    `@ IN SOA ${primary.label} hostmaster 1 3600 600 86400 1`,
    ...servers.flatMap(({ label, address }) => [`@ IN NS ${label}`, `${label} IN A ${address}`]),
    ...lines,
    '',
  ].join('\n');
}
