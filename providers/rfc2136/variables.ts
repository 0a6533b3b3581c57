import { isIP } from 'node:net';
import { quote } from '../../src/config/quote.ts';
import { Secret } from '../../src/config/secret.ts';
import * as types from '../../src/config/types.ts';
import { optional, required, withDefault } from '../../src/config/variable.ts';
import { canonicalName } from '../../src/dns/name.ts';

/** The address of the primary name server. */
export interface Server {
  /** A host name or an IP address (IPv6 without brackets). */
  readonly host: string;
  readonly port: number;
}

/**
 * The algorithms of RFC 8945 §6 that are not broken and not truncated, as configuration files write
 * them.
 */
export const ALGORITHMS = ['hmac-sha256', 'hmac-sha224', 'hmac-sha384', 'hmac-sha512'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

const DNS_PORT = 53;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
// One label is enough: the name of a service in the same compose file, or of a key.
const NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);

const server = types.type('host[:port]', (value): Server | { wrong: string } => {
  const match = isIP(value) ? [value, value] : /^(\[[^[\]]+\]|[^[\]:]+)(?::(\d{1,5}))?$/.exec(value);
  const host = canonicalName((match?.[1] ?? '').replace(/^\[(.*)\]$/, '$1'));
  const port = Number(match?.[2] ?? DNS_PORT);
  const isHost = isIP(host) !== 0 || (NAME.test(host) && !/^[\d.]+$/.test(host));
  if (isHost && port >= 1 && port <= 65_535) return { host, port };
  return { wrong: `is not an address or a host name with an optional port: ${quote(value)}` };
});

const keyName = types.type('name', (value) => {
  const name = canonicalName(value);
  return NAME.test(name) ? name : { wrong: `is not the name of a key: ${quote(value)}` };
});

const BASE64 = /^(?=.)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const base64 = types.type('base64', (value) =>
  BASE64.test(value) ? new Secret(value) : { wrong: 'is not base64' },
);

// Other programs use the algorithm's name with a trailing dot.
const algorithm = types.type(ALGORITHMS.join(', '), (value) => {
  const found = ALGORITHMS.find((one) => one === canonicalName(value));
  return found ?? { wrong: `is none of ${ALGORITHMS.join(', ')}: ${quote(value)}` };
});

/**
 * The rows of the table of variables for dynamic updates, with the names that other ACME clients
 * use.
 */
export const variables = {
  server: required(server, {
    name: 'RFC2136_NAMESERVER',
    help: 'Primary server of the zone, which accepts the updates: an address or a host name, with `:port` if that is not 53 (IPv6 then in brackets). It is contacted over TCP.',
    fix: 'Set it to the address of the primary, such as 192.0.2.53, [2001:db8::53]:53 or ns1.example.com.',
  }),
  keyName: required(keyName, {
    name: 'RFC2136_TSIG_KEY',
    help: 'Name of the TSIG key, as in the configuration of the name server.',
    fix: 'Create a key with `tsig-keygen dstack-ingress`, add it to the name server and set its name: dstack-ingress.',
  }),
  secret: required(base64, {
    name: 'RFC2136_TSIG_SECRET',
    secret: true,
    help: 'Secret of the TSIG key, in base64 as printed by `tsig-keygen`.',
    fix: 'Set the quoted text after `secret` in the output of tsig-keygen.',
  }),
  algorithm: withDefault(algorithm, 'hmac-sha256', {
    name: 'RFC2136_TSIG_ALGORITHM',
    help: 'Algorithm of the TSIG key.',
    fix: 'Set the word after `algorithm` in the key, or remove it.',
  }),
  zone: optional(types.domainName, {
    name: 'RFC2136_ZONE',
    help: 'The zone to write to. Default: the zone of the name according to the name server itself.',
    fix: 'Set the apex of the zone, such as example.com, or remove it.',
  }),
};
