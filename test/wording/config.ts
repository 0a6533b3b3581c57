import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { whyNoCa } from '../../src/commands/wiring/configuration.ts';
import { ConfigError, describeFaults } from '../../src/config/faults.ts';
import { describeConfigWarning } from '../../src/config/warnings.ts';
import { IngressError, RETRIES } from '../../src/errors.ts';
import { faultsOf, GOOD, load } from '../harness/config.ts';
import type { WordingRow } from './row.ts';

/** The only fault of an environment, as the operator reads it. */
function fault(changes: Record<string, string>): string {
  const faults = faultsOf({ ...GOOD, ...changes });
  return faults.map(({ variable, problem, fix }) => `${variable} ${problem} -> ${fix}`).join('\n');
}

const warning = (changes: Record<string, string>) =>
  load({ ...GOOD, ...changes })
    .warnings.map(describeConfigWarning)
    .join('\n');

const many = (count: number) => Array.from({ length: count }, (_, index) => `n${index}.example.com`).join();

const LONG_NAME = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(50)}.example`;

/** A fault of each kind, and of each variable with a sentence of its own. */
const faults: readonly [when: string, changes: Record<string, string>, message: string][] = [
  [
    'a name without a value, and nothing that names one',
    { DOMAIN: '' },
    'DOMAIN is set but empty, and none of DOMAINS, ROUTING_MAP and CERT_GROUPS contains a name -> Set it to a name in a zone of your DNS provider, such as app.example.com. Compose passes an empty value if its own environment and .env file lack the variable.',
  ],
  [
    'a name that is not one',
    { DOMAIN: 'localhost' },
    'DOMAIN is not a domain name: "localhost" -> Set it to a name in a zone of your DNS provider, such as app.example.com.',
  ],
  [
    'a name in quotes',
    { DOMAIN: '"app.example.com"' },
    'DOMAIN is not a domain name: "\\"app.example.com\\"" -> Remove the quotes.',
  ],
  [
    'a URL instead of a name',
    { DOMAIN: 'https://app.example.com:8443/x' },
    'DOMAIN is not a domain name: "https://app.example.com:8443/x" -> Remove https:// and :8443 and /x: app.example.com',
  ],
  [
    'a scheme before something that is not a name',
    { DOMAIN: 'https://localhost' },
    'DOMAIN is not a domain name: "https://localhost" -> Remove https://, and set the name alone, such as app.example.com.',
  ],
  [
    'a name with a comma behind it',
    { DOMAIN: 'app.example.com,' },
    'DOMAIN is not a domain name: "app.example.com," -> Remove the comma: app.example.com',
  ],
  [
    'several names in DOMAIN',
    { DOMAIN: 'a.example.com,b.example.com' },
    'DOMAIN takes one name, but this is more than one: "a.example.com,b.example.com" -> Remove it, and add these to DOMAINS: a.example.com,b.example.com',
  ],
  [
    'a name that is too long',
    { DOMAIN: LONG_NAME },
    'DOMAIN is too long: with the labels put in front of it, it exceeds the 253 characters of a domain name -> Choose a shorter name.',
  ],
  [
    'a name in a list that is too long',
    { DOMAINS: LONG_NAME },
    `DOMAINS contains ${LONG_NAME}, which is too long: with the labels put in front of it, it exceeds the 253 characters of a domain name -> Choose a shorter name.`,
  ],
  [
    'a list with an entry that is not a name',
    { DOMAINS: 'b.example.com; , c.example.com' },
    'DOMAINS contains something that is not a domain name: "b.example.com;" -> Remove ;: b.example.com',
  ],
  [
    'an alias without DOMAIN',
    { DOMAIN: '', ALIAS_DOMAIN: 'www.example.com' },
    'ALIAS_DOMAIN is set, but DOMAIN is not -> Set DOMAIN to the name whose certificate these are added to, or move them to DOMAINS.',
  ],
  [
    'an alias on the certificate of another group',
    { ALIAS_DOMAIN: 'b.example.com', CERT_GROUPS: 'app.example.com; b.example.com' },
    'ALIAS_DOMAIN contains b.example.com, but CERT_GROUPS puts it on a different certificate than app.example.com -> Remove b.example.com from ALIAS_DOMAIN, or move it to the group that has app.example.com.',
  ],
  [
    'too many aliases',
    { ALIAS_DOMAIN: many(100) },
    'ALIAS_DOMAIN puts 101 names on the certificate of app.example.com; the maximum is 100 -> Keep at most 99 names, and move the others to DOMAINS.',
  ],
  [
    'too many names in a group',
    { CERT_GROUPS: many(26), ACME_PROFILE: 'tlsserver' },
    'CERT_GROUPS puts 26 names on the certificate of n0.example.com; the maximum is 25 with ACME_PROFILE=tlsserver -> Split it into groups of at most 25 names.',
  ],
  [
    'a name in two groups',
    { CERT_GROUPS: 'a.example.com; app.example.com a.example.com' },
    'CERT_GROUPS has a.example.com in two groups; the second is "app.example.com a.example.com" -> Separate names by commas and groups by line breaks or ;, and put each name into one group only: example.com,*.example.com; api.example.org.',
  ],
  [
    'no target',
    { TARGET_ENDPOINT: '' },
    'TARGET_ENDPOINT is set but empty -> Set TARGET_ENDPOINT to the app, such as app:80, or add an entry to ROUTING_MAP. Compose passes an empty value if its own environment and .env file lack the variable.',
  ],
  [
    'a name without a target',
    { TARGET_ENDPOINT: '', DOMAINS: 'b.example.com', ROUTING_MAP: 'app.example.com=app:80' },
    'DOMAINS contains b.example.com, but neither ROUTING_MAP nor TARGET_ENDPOINT has a target for it; TARGET_ENDPOINT is set but empty -> Set TARGET_ENDPOINT to the app, such as app:80, or add an entry to ROUTING_MAP: b.example.com=app:80. Compose passes an empty value if its own environment and .env file lack the variable.',
  ],
  [
    'a target that is not an endpoint',
    { TARGET_ENDPOINT: 'app:80 check' },
    'TARGET_ENDPOINT is not host:port or scheme://host:port: "app:80 check" -> Set it to the service and port of the app, such as app:80 or http://app:8080.',
  ],
  [
    'a target without a port',
    { TARGET_ENDPOINT: 'app' },
    'TARGET_ENDPOINT has no port from 1 to 65535 -> Set it to the service and port of the app, such as app:80 or http://app:8080.',
  ],
  [
    'a target with an unknown scheme',
    { TARGET_ENDPOINT: 'ftp://app:80' },
    'TARGET_ENDPOINT has a scheme that is none of tcp, http, https, grpc, grpcs, postgres, postgresql, mqtt, xmpp, imap, pop3, irc: ftp (use tcp for any other protocol) -> Set it to the service and port of the app, such as app:80 or http://app:8080.',
  ],
  [
    'a target with credentials',
    { TARGET_ENDPOINT: 'postgres://user:hunter2@db' },
    'TARGET_ENDPOINT contains an "@": an endpoint is only scheme, host and port; credentials come from the clients -> Set it to the service and port of the app, such as app:80 or http://app:8080.',
  ],
  [
    'TLS to an address',
    { TARGET_ENDPOINT: 'https://10.0.0.1' },
    'TARGET_ENDPOINT requires TLS to the address 10.0.0.1, but only a host name can be verified against a certificate -> Set the host name of the app, or set TARGET_TLS_VERIFY=false.',
  ],
  [
    'an entry without an endpoint',
    { ROUTING_MAP: 'api.example.com' },
    'ROUTING_MAP contains an entry that is not name=endpoint: "api.example.com" -> Write each entry as name=endpoint, such as api.example.com=http://api:8080, with each name once.',
  ],
  [
    'an entry with a wrong name',
    { ROUTING_MAP: 'https://b.example.com=app:80' },
    'ROUTING_MAP contains an entry whose name is not a domain name: "https://b.example.com=app:80" -> Remove https://: b.example.com',
  ],
  [
    'an entry with a wrong endpoint',
    { ROUTING_MAP: 'a.example.com=app' },
    'ROUTING_MAP contains an entry whose endpoint has no port from 1 to 65535 (in "a.example.com=app") -> Write each entry as name=endpoint, such as api.example.com=http://api:8080, with each name once.',
  ],
  [
    'an entry that may be part of a password',
    { ROUTING_MAP: 'a.example.com=postgres://user:hunter2@db:5432' },
    'ROUTING_MAP contains an entry whose endpoint contains an "@": an endpoint is only scheme, host and port; credentials come from the clients (in entry 1, for a.example.com) -> Write each entry as name=endpoint, such as api.example.com=http://api:8080, with each name once.',
  ],
  [
    'two targets for one name',
    { ROUTING_MAP: 'a.example.com=a:1,a.example.com=a:2' },
    'ROUTING_MAP gives a.example.com two targets; the second is in "a.example.com=a:2" -> Write each entry as name=endpoint, such as api.example.com=http://api:8080, with each name once.',
  ],
  [
    'no gateway',
    { GATEWAY_DOMAIN: '' },
    "GATEWAY_DOMAIN is set but empty, and neither is DSTACK_GATEWAY_DOMAIN -> Set it to your cluster's gateway, such as _.dstack-prod5.phala.network. Compose passes an empty value if its own environment and .env file lack the variable.",
  ],
  [
    'a number out of range',
    { PORT: '70000' },
    'PORT is not a whole number from 1 to 65535: "70000" -> Set a port from 1 to 65535.',
  ],
  [
    'a duration without a unit',
    { TIMEOUT_CLIENT: '30' },
    'TIMEOUT_CLIENT is not a number with a unit: "30" -> Set a number with a unit (us, ms, s, m, h, d), such as 86400s.',
  ],
  [
    'a duration out of range',
    { TIMEOUT_CLIENT: '25d' },
    'TIMEOUT_CLIENT is not between 1ms and 24d: "25d" -> Set a number with a unit (us, ms, s, m, h, d), such as 86400s.',
  ],
  [
    'a flag that is neither',
    { SET_CAA: 'maybe' },
    'SET_CAA is neither true nor false: "maybe" -> Set true or false.',
  ],
  [
    'an unknown word',
    { LOG_LEVEL: 'loud' },
    'LOG_LEVEL is none of fatal, error, warn, info, debug, trace, silent: "loud" -> Set info, or debug to see more.',
  ],
  [
    'an unknown version of the PROXY protocol',
    { SEND_PROXY_PROTOCOL: 'v3' },
    'SEND_PROXY_PROTOCOL is none of off, v1, v2: "v3" -> Set off, v1 or v2.',
  ],
  [
    'a URL with a wrong scheme',
    { ACME_DIRECTORY_URL: 'ftp://ca/directory' },
    'ACME_DIRECTORY_URL is not an http or https URL: "ftp://ca/directory" -> Set an https URL such as https://acme-v02.api.letsencrypt.org/directory, or remove it.',
  ],
  [
    'a URL with credentials',
    { ACME_DIRECTORY_URL: 'https://user:hunter2@ca.example/directory' },
    'ACME_DIRECTORY_URL contains credentials, which do not belong in a URL -> Set an https URL such as https://acme-v02.api.letsencrypt.org/directory, or remove it.',
  ],
  [
    'an email address that is two',
    { ACME_EMAIL: 'ops@example.com, x@example.com' },
    'ACME_EMAIL is not one plain email address -> Set one plain address, such as ops@example.com, or remove it.',
  ],
  [
    'an app id that is not one',
    { APP_ID: 'not-hex' },
    'APP_ID is not 40 hexadecimal digits: "not-hex" -> Set the 40 hexadecimal digits of the app id, or mount the guest agent and remove the variable.',
  ],
  [
    'a label that is two',
    { TXT_PREFIX: '_a.b' },
    'TXT_PREFIX is not one DNS label of at most 54 letters, digits, "-" and "_" -> Remove it unless your gateway uses another label.',
  ],
  [
    'a relative path',
    { LETSENCRYPT_DIR: 'relative/path' },
    'LETSENCRYPT_DIR is not an absolute path of letters, digits and ._@+-/ -> Set an absolute path.',
  ],
  [
    'a runtime directory whose sockets would not fit',
    { RUNTIME_DIR: `/run/${'x'.repeat(90)}` },
    'RUNTIME_DIR is too long for a Unix socket in it -> Set an absolute path of at most 80 characters.',
  ],
  [
    'a host name instead of a resolver address',
    { DNS_RESOLVERS: '1.1.1.1,resolver.example.com' },
    'DNS_RESOLVERS contains something that is not an IP address with an optional port: "resolver.example.com" -> Set IP addresses, such as 1.1.1.1,8.8.8.8:53.',
  ],
  [
    'resolvers without an address',
    { DNS_RESOLVERS: ',' },
    'DNS_RESOLVERS contains no address -> Set IP addresses, such as 1.1.1.1,8.8.8.8:53.',
  ],
  [
    'an ALPN name with a space',
    { ALPN: 'h2 http/1.1' },
    'ALPN contains something that is not a protocol: "h2 http/1.1" -> Set protocol names, such as h2 or h2,http/1.1.',
  ],
  [
    'a common mistake for an ALPN name',
    { ALPN: 'http/2' },
    'ALPN contains http/2, but in ALPN HTTP/2 is h2 and HTTP/1.1 is http/1.1 -> Set protocol names, such as h2 or h2,http/1.1.',
  ],
  [
    'an ALPN name twice',
    { ALPN: 'h2,h2' },
    'ALPN contains a protocol twice, or more than 16 -> Set protocol names, such as h2 or h2,http/1.1.',
  ],
  [
    'an EAB key that is not base64url',
    { ACME_EAB_KID: 'kid', ACME_EAB_HMAC_KEY: 'hush!hush' },
    'ACME_EAB_HMAC_KEY is not base64url -> Set the HMAC key as the certificate authority shows it, or write it to a file and set ACME_EAB_HMAC_KEY_FILE to its path, such as /run/secrets/eab.',
  ],
  [
    'an EAB key identifier with a space',
    { ACME_EAB_KID: 'two words', ACME_EAB_HMAC_KEY: 'aGVsbG8' },
    'ACME_EAB_KID is not 1 to 256 ASCII characters without spaces -> Set the key identifier as the certificate authority shows it, such as kid-1, together with ACME_EAB_HMAC_KEY.',
  ],
  [
    'half of an external account',
    { ACME_EAB_KID: 'kid' },
    'ACME_EAB_HMAC_KEY is not set, but ACME_EAB_KID is -> Set both ACME_EAB_KID and ACME_EAB_HMAC_KEY as the certificate authority gave them, or neither.',
  ],
  [
    'a profile name in capitals',
    { ACME_PROFILE: 'TLSserver' },
    'ACME_PROFILE is not 1 to 64 lower-case letters, digits and hyphens -> Set the name of a profile of your certificate authority, such as tlsserver, or remove it.',
  ],
  [
    'a fallback that is the primary',
    { ACME_FALLBACK_DIRECTORY_URL: 'https://acme-v02.api.letsencrypt.org/directory/' },
    'ACME_FALLBACK_DIRECTORY_URL is the directory of the first certificate authority: https://acme-v02.api.letsencrypt.org/directory -> Set the directory of another certificate authority, or remove it.',
  ],
  [
    'a dry run without a staging directory',
    { ACME_DIRECTORY_URL: 'https://ca.example/dir', ACME_STAGING_DRY_RUN: 'true' },
    'ACME_STAGING_DRY_RUN needs a staging directory, but that of https://ca.example/dir is not known -> Set ACME_STAGING_DIRECTORY_URL to the staging directory of that certificate authority, or set ACME_STAGING_DRY_RUN=false.',
  ],
  [
    'a SOCKS proxy',
    { HTTPS_PROXY: 'socks5://proxy.example:1080' },
    'HTTPS_PROXY is a SOCKS proxy; only HTTP proxies are supported -> Set the URL of an HTTP proxy, such as http://proxy.example.com:3128, or remove it.',
  ],
  [
    'a proxy that is not a URL',
    { HTTPS_PROXY: 'ftp://proxy.example:21' },
    'HTTPS_PROXY is not the URL of an HTTP proxy -> Set the URL of an HTTP proxy, such as http://proxy.example.com:3128, or remove it.',
  ],
  [
    'a proxy with a path',
    { HTTPS_PROXY: 'http://proxy.example:3128/pac' },
    'HTTPS_PROXY has something after the host and port of the proxy -> Set the URL of an HTTP proxy, such as http://proxy.example.com:3128, or remove it.',
  ],
  [
    'a proxy bypass outside ASCII',
    { NO_PROXY: 'é' },
    'NO_PROXY contains a character outside ASCII -> Set host names and addresses separated by commas, or remove it.',
  ],
  [
    'a location of the guest agent that is neither',
    { DSTACK_SIMULATOR_ENDPOINT: 'agent' },
    'DSTACK_SIMULATOR_ENDPOINT is neither an absolute path nor a URL -> Set the path of the socket of a guest agent or simulator, or remove it.',
  ],
  [
    'an unknown provider',
    { DNS_PROVIDER: 'gamma' },
    'DNS_PROVIDER names a provider that this version does not support: "gamma" -> Set one of: alpha, beta, delta.',
  ],
  [
    'credentials of two providers',
    { BETA_TOKEN: 'b' },
    'DNS_PROVIDER is not set, and credentials of more than one provider are: alpha, beta -> Set DNS_PROVIDER (one of: alpha, beta, delta) or remove the other credentials.',
  ],
  [
    'no credentials',
    { ALPHA_TOKEN: '' },
    "DNS_PROVIDER is not set, and no provider's credentials are; ALPHA_TOKEN is set but empty -> Set ALPHA_TOKEN or BETA_TOKEN or DELTA_TOKEN. Compose passes an empty value if its own environment and .env file lack the variable.",
  ],
  [
    'a secret with a space',
    { ALPHA_TOKEN: 'hush hush' },
    'ALPHA_TOKEN contains a space, a line break or a character outside ASCII -> Make one.',
  ],
  [
    'a secret and its file',
    { ALPHA_TOKEN: 'abc', ALPHA_TOKEN_FILE: '/run/secrets/token' },
    'ALPHA_TOKEN and ALPHA_TOKEN_FILE are both set -> Remove ALPHA_TOKEN or ALPHA_TOKEN_FILE.',
  ],
  [
    'a secret file that cannot be read',
    { ALPHA_TOKEN: '', ALPHA_TOKEN_FILE: '/nowhere' },
    'ALPHA_TOKEN_FILE names a file that cannot be read -> Mount the secret and set its path.',
  ],
  [
    'a missing variable beside a misspelt one',
    { TARGET_ENDPOINT: '', TARGET_ENDPONT: 'app:80', ROUTNG_MAP: 'x', TARGET_ENDPIONT: 'app:81' },
    'TARGET_ENDPOINT is set but empty; TARGET_ENDPONT is set, which looks like a misspelt TARGET_ENDPOINT; ROUTNG_MAP is set, which looks like a misspelt ROUTING_MAP; TARGET_ENDPIONT is set, which looks like a misspelt TARGET_ENDPOINT -> Rename TARGET_ENDPONT or TARGET_ENDPIONT to TARGET_ENDPOINT. Rename ROUTNG_MAP to ROUTING_MAP. Set TARGET_ENDPOINT to the app, such as app:80, or add an entry to ROUTING_MAP. Compose passes an empty value if its own environment and .env file lack the variable.',
  ],
  [
    'two missing tokens that are empty',
    { ALPHA_TOKEN: '', BETA_TOKEN: '' },
    "DNS_PROVIDER is not set, and no provider's credentials are; ALPHA_TOKEN, BETA_TOKEN are set but empty -> Set ALPHA_TOKEN or BETA_TOKEN or DELTA_TOKEN. Compose passes an empty value if its own environment and .env file lack the variable.",
  ],
  [
    'a misspelt variable that is not supported',
    { DELEGATON_ZONE: 'example.net' },
    'DELEGATON_ZONE is set, which looks like a misspelt DELEGATION_ZONE; this version writes into the zone of the served name, and would replace the CNAME records there -> Remove it and set credentials for the zone of the served name; otherwise keep using the older container for now.',
  ],
  [
    'CHALLENGE_TYPE of the older container',
    { CHALLENGE_TYPE: 'http-01' },
    'CHALLENGE_TYPE is set, but this version only answers dns-01 challenges -> Set dns-01 and the credentials of a DNS provider; otherwise keep using the older container for now.',
  ],
  [
    'DELEGATION_ZONE of the older container',
    { DELEGATION_ZONE: 'example.net' },
    'DELEGATION_ZONE is set, but this version writes into the zone of the served name, and would replace the CNAME records there -> Remove it and set credentials for the zone of the served name; otherwise keep using the older container for now.',
  ],
  [
    'ACME_CHALLENGE_ALIAS of the older container',
    { ACME_CHALLENGE_ALIAS: 'example.net' },
    'ACME_CHALLENGE_ALIAS is set, but this version publishes challenges in the zone of the served name -> Remove it and set credentials for the zone of the served name; otherwise keep using the older container for now.',
  ],
  [
    'DNS_SETUP_MODE of the older container',
    { DNS_SETUP_MODE: 'wait' },
    'DNS_SETUP_MODE is set, but this version writes the records itself, through a DNS provider -> Remove it if this container should write the records through DNS_PROVIDER; otherwise keep using the older container for now.',
  ],
  [
    'DNS_WEBHOOK_URL of the older container',
    { DNS_WEBHOOK_URL: 'https://hook.example.net' },
    'DNS_WEBHOOK_URL is set, but this version writes the records itself, and calls no webhook -> Remove it if this container should write the records through DNS_PROVIDER; otherwise keep using the older container for now.',
  ],
  [
    'DETERMINISTIC_TLS_KEY of the older container',
    { DETERMINISTIC_TLS_KEY: 'true' },
    'DETERMINISTIC_TLS_KEY is set, but this version generates a new random key for every certificate -> Remove it if nothing relies on that key; otherwise keep using the older container for now.',
  ],
  [
    'ROUTE53_INITIAL_WEIGHT of the older container',
    { ROUTE53_INITIAL_WEIGHT: '100' },
    'ROUTE53_INITIAL_WEIGHT is set, but this version writes records without a weight, and would replace weighted ones at the name -> Remove it if only this container serves the name; otherwise keep using the older container for now.',
  ],
];

/** A warning of each kind, and an unused variable for each reason. */
const warnings: readonly [when: string, changes: Record<string, string>, message: string][] = [
  [
    'a secret in quotes',
    { ALPHA_TOKEN: '"hush"' },
    'ALPHA_TOKEN was set with quotes around it; they were removed',
  ],
  [
    'a secret with a line break',
    { ALPHA_TOKEN: 'hush\n' },
    'ALPHA_TOKEN was set with a line break in it; it was removed',
  ],
  [
    'two names of one variable that differ',
    { ACME_EMAIL: 'a@example.com', CERTBOT_EMAIL: 'b@example.com' },
    'ACME_EMAIL and CERTBOT_EMAIL differ; ACME_EMAIL is used',
  ],
  [
    'an interval out of bounds',
    { RENEW_INTERVAL: '5' },
    'RENEW_INTERVAL=5 is out of range (60 to 43200 seconds); using 60',
  ],
  [
    'a misspelt variable',
    { SET_CCA: 'true' },
    'SET_CCA has no effect, because there is no such variable; did you mean SET_CAA?',
  ],
  [
    'a variable of older containers',
    { CLIENT_MAX_BODY_SIZE: '1m' },
    'CLIENT_MAX_BODY_SIZE has no effect: bodies are not limited',
  ],
  [
    'a proxy for plain HTTP',
    { HTTP_PROXY: 'http://proxy.example:3128' },
    'HTTP_PROXY has no effect, because all requests use HTTPS; set HTTPS_PROXY instead',
  ],
  [
    'a network in NO_PROXY',
    { HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: '10.0.0.0/8' },
    '10.0.0.0/8 in NO_PROXY has no effect; write a range of addresses as first-last',
  ],
  [
    'a path in the target',
    { TARGET_ENDPOINT: 'http://app/path' },
    'the path /path in TARGET_ENDPOINT has no effect: the app gets the paths that clients request',
  ],
  [
    'a path in an entry',
    { ROUTING_MAP: 'a.example.com=http://app/path' },
    'the path /path in the entry for a.example.com in ROUTING_MAP has no effect: the app gets the paths that clients request',
  ],
  [
    'a protocol that the target needs and ALPN lacks',
    { TARGET_ENDPOINT: 'grpcs://app:1', ALPN: 'http/1.1' },
    'ALPN does not offer h2, so gRPC clients will refuse the grpcs:// target',
  ],
  [
    'a name and a wildcard that covers it',
    { CERT_GROUPS: 'a.example.com *.example.com' },
    "a.example.com and *.example.com are on one certificate, which Let's Encrypt refuses because one covers the other; remove a.example.com from it, and add it to DOMAINS",
  ],
  [
    'ACME_STAGING beside a directory without a staging directory',
    { ACME_STAGING: 'true', ACME_DIRECTORY_URL: 'https://ca.example/directory' },
    'ACME_STAGING has no effect together with ACME_DIRECTORY_URL unless ACME_STAGING_DIRECTORY_URL is set',
  ],
  [
    'a dry run while the primary is the staging environment',
    { ACME_STAGING: 'true', ACME_STAGING_DRY_RUN: 'true' },
    'ACME_STAGING_DRY_RUN has no effect: certificates come from the staging environment already',
  ],
  [
    'a staging directory that nothing uses',
    { ACME_STAGING_DIRECTORY_URL: 'https://staging.ca.example/directory' },
    'ACME_STAGING_DIRECTORY_URL has no effect: neither ACME_STAGING nor ACME_STAGING_DRY_RUN is true',
  ],
  [
    'a setting of the fallback without a fallback',
    { ACME_FALLBACK_AFTER: '60' },
    'ACME_FALLBACK_AFTER has no effect: ACME_FALLBACK_DIRECTORY_URL is not set',
  ],
  [
    'a CA file without a TLS target',
    { TARGET_CA_FILE: '/ca.pem' },
    'TARGET_CA_FILE has no effect: no target uses TLS (https:// or grpcs://)',
  ],
  [
    'a CA file without verification',
    { TARGET_ENDPOINT: 'https://app', TARGET_CA_FILE: '/ca.pem', TARGET_TLS_VERIFY: 'false' },
    'TARGET_CA_FILE has no effect: TARGET_TLS_VERIFY is false',
  ],
  [
    'a target that no name uses',
    { ROUTING_MAP: 'app.example.com=app:1' },
    'TARGET_ENDPOINT has no effect: ROUTING_MAP has a target for every name',
  ],
];

/** What is wrong with a CA file with this text, or with a missing one. */
const caFile = (text: string | undefined) => () => {
  const folder = mkdtempSync(join(tmpdir(), 'wording-'));
  const path = join(folder, 'ca.pem');
  if (text !== undefined) writeFileSync(path, text);
  const fault = whyNoCa(path);
  rmSync(folder, { recursive: true });
  return fault?.problem.replace(path, '/ca.pem');
};

export const rows: readonly WordingRow[] = [
  {
    when: 'a CA file that is missing',
    say: caFile(undefined),
    message: 'names a file that cannot be read (ENOENT): /ca.pem',
  },
  {
    when: 'a CA file without a certificate',
    say: caFile('no certificate'),
    message: 'names a file without a PEM certificate: /ca.pem',
  },
  {
    when: 'a CA file with a damaged certificate',
    say: caFile('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
    message: 'names a file with a certificate that cannot be parsed: /ca.pem',
  },
  ...faults.map(([when, changes, message]) => ({ when, say: () => fault(changes), message })),
  ...warnings.map(([when, changes, message]) => ({ when, say: () => warning(changes), message })),
  {
    when: 'the text for a terminal',
    say: () =>
      describeFaults(
        new ConfigError(
          [{ variable: 'PORT', kind: 'malformed', problem: 'is wrong', fix: 'Set it.' }],
          [{ kind: 'quotes-removed', variable: 'X' }],
        ),
      ),
    message:
      'The configuration has 1 error:\n\n  PORT is wrong\n    -> Set it.\n\nWarnings:\n  X was set with quotes around it; they were removed\n\nNothing was started and nothing was written. docs/configuration.md lists every variable.\n',
  },
  {
    when: 'an error with the hint of its code',
    say: () => new IngressError('PROVIDER_UNREACHABLE', 'no answer from api.example.net within 15 s'),
    message: 'no answer from api.example.net within 15 s',
    hint: `Check the outgoing network of the container. ${RETRIES}`,
  },
];
