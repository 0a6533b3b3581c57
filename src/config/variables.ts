import { namedBytes, SCHEMES } from './endpoint.ts';
import { proxyBypass, proxyUrl } from './https-proxy.ts';
import * as types from './types.ts';
import { optional, type Settings, withDefault } from './variable.ts';

const BYTES = namedBytes.map((scheme) => `\`${scheme}://\``).join(', ');
const PROTOCOLS = [...new Set(namedBytes.flatMap((scheme) => SCHEMES[scheme].alpn))]
  .map((protocol) => `\`${protocol}\``)
  .join(', ');

/**
 * The variables for the names to serve and the certificates that they share: exactly those that
 * servedNames needs.
 */
export const nameVariables = {
  domain: optional(types.certificateName, {
    name: 'DOMAIN',
    help: 'The name to serve: `app.example.com`, or `*.example.com` for every name one label below. Required unless DOMAINS, ROUTING_MAP or CERT_GROUPS contains a name.',
    fix: 'Set it to a name in a zone of your DNS provider, such as app.example.com.',
  }),
  aliasDomains: optional(types.certificateNames, {
    name: 'ALIAS_DOMAIN',
    help: 'Additional names on the certificate of DOMAIN, separated as in DOMAINS. They are served like DOMAIN and forwarded to its target unless ROUTING_MAP has an entry for them. A group in CERT_GROUPS that contains DOMAIN or one of them joins that certificate; two groups cannot.',
    fix: 'Set names in zones of your DNS provider, such as www.example.com, in addition to DOMAIN.',
  }),
  domains: optional(types.certificateNames, {
    name: 'DOMAINS',
    help: 'More names, separated by line breaks or commas; `#` starts a comment that extends to the end of the line. Each name gets records, and a certificate of its own unless CERT_GROUPS or ALIAS_DOMAIN contains it.',
    fix: 'Set names in zones of your DNS provider, such as app.example.com,api.example.com.',
  }),
  routingMap: optional(types.routingMap, {
    name: 'ROUTING_MAP',
    help: 'Targets of individual names: `name=endpoint`, separated as in DOMAINS, with the endpoint in any form that TARGET_ENDPOINT takes. A name that appears only here is served too.',
    fix: 'Write each entry as name=endpoint, such as api.example.com=http://api:8080, with each name once.',
  }),
  certGroups: optional(types.certGroups, {
    name: 'CERT_GROUPS',
    help: 'Names that share one certificate: groups separated by line breaks or `;`, the names of a group by commas or spaces, as in `example.com,*.example.com; a.example.org b.example.org`. The certificate is named after the first name of its group. `#` starts a comment that extends to the end of the line. A name that appears only here is served too. A group holds up to 100 names, or 25 with ACME_PROFILE tlsserver or shortlived.',
    fix: 'Separate names by commas and groups by line breaks or ;, and put each name into one group only: example.com,*.example.com; api.example.org.',
  }),
};

const kid = types.text('text', /^[\x21-\x7e]{1,256}$/, 'is not 1 to 256 ASCII characters without spaces');

/**
 * The variables for certificate authorities, their accounts, the kind of certificate and the times
 * of renewal.
 */
const acmeVariables = {
  email: optional(types.email, {
    name: 'ACME_EMAIL',
    aliases: ['CERTBOT_EMAIL'],
    help: 'Contact address of the ACME account. Treat it as public: evidence names the account.',
    fix: 'Set one plain address, such as ops@example.com, or remove it.',
  }),
  directoryUrl: optional(types.url, {
    name: 'ACME_DIRECTORY_URL',
    help: "Directory URL of the certificate authority. Default: Let's Encrypt.",
    fix: 'Set an https URL such as https://acme-v02.api.letsencrypt.org/directory, or remove it.',
  }),
  eabKid: optional(kid, {
    name: 'ACME_EAB_KID',
    help: 'Key identifier for a certificate authority that requires external account binding (RFC 8555 §7.3.4), as that authority gave it to you.',
    fix: 'Set the key identifier as the certificate authority shows it, such as kid-1, together with ACME_EAB_HMAC_KEY.',
  }),
  eabHmacKey: optional(types.base64urlKey, {
    name: 'ACME_EAB_HMAC_KEY',
    secret: true,
    help: 'The key that belongs to ACME_EAB_KID, in base64url; padding and standard base64 are accepted too.',
    fix: 'Set the HMAC key as the certificate authority shows it, or write it to a file and set ACME_EAB_HMAC_KEY_FILE to its path, such as /run/secrets/eab.',
  }),
  staging: withDefault(types.flag, 'false', {
    name: 'ACME_STAGING',
    aliases: ['CERTBOT_STAGING'],
    help: 'Gets certificates from ACME_STAGING_DIRECTORY_URL: untrusted, but with much higher rate limits. Has no effect together with ACME_DIRECTORY_URL unless ACME_STAGING_DIRECTORY_URL is set.',
    fix: 'Set true or false.',
  }),
  stagingDirectoryUrl: optional(types.url, {
    name: 'ACME_STAGING_DIRECTORY_URL',
    help: "Directory URL of the staging environment, for ACME_STAGING and ACME_STAGING_DRY_RUN. Default: that of Let's Encrypt (https://acme-staging-v02.api.letsencrypt.org/directory).",
    fix: 'Set an https URL such as https://acme-staging-v02.api.letsencrypt.org/directory, or remove it.',
  }),
  stagingDryRun: withDefault(types.flag, 'false', {
    name: 'ACME_STAGING_DRY_RUN',
    help: 'After a failed validation, validates the next attempt at the staging environment first, where failures cost less. With an ACME_DIRECTORY_URL of another certificate authority it requires ACME_STAGING_DIRECTORY_URL.',
    fix: 'Set true or false.',
  }),
  fallbackDirectoryUrl: optional(types.url, {
    name: 'ACME_FALLBACK_DIRECTORY_URL',
    help: 'Directory URL of a second certificate authority, used once the first has failed for ACME_FALLBACK_AFTER seconds.',
    fix: 'Set an https URL such as https://dv.acme-v02.api.pki.goog/directory, or remove it.',
  }),
  fallbackAfter: withDefault(types.integer('seconds', 0, 2_592_000), '3600', {
    name: 'ACME_FALLBACK_AFTER',
    help: 'Seconds for which the first certificate authority must have failed before ACME_FALLBACK_DIRECTORY_URL is used.',
    fix: 'Set whole seconds such as 3600.',
  }),
  fallbackEabKid: optional(kid, {
    name: 'ACME_FALLBACK_EAB_KID',
    help: 'Like ACME_EAB_KID, for ACME_FALLBACK_DIRECTORY_URL.',
    fix: 'Set the key identifier as the certificate authority shows it, such as kid-1, together with ACME_FALLBACK_EAB_HMAC_KEY.',
  }),
  fallbackEabHmacKey: optional(types.base64urlKey, {
    name: 'ACME_FALLBACK_EAB_HMAC_KEY',
    secret: true,
    help: 'Like ACME_EAB_HMAC_KEY, for ACME_FALLBACK_DIRECTORY_URL.',
    fix: 'Set the HMAC key as the certificate authority shows it, or write it to a file and set ACME_FALLBACK_EAB_HMAC_KEY_FILE to its path, such as /run/secrets/eab.',
  }),
  setCaa: withDefault(types.flag, 'false', {
    name: 'SET_CAA',
    help: 'Publishes CAA records that restrict issuance for the name to the ACME accounts of this ingress, by DNS-01: the account at the certificate authority, and, where configured, those at ACME_FALLBACK_DIRECTORY_URL and at the staging environment for ACME_STAGING_DRY_RUN.',
    fix: 'Set true or false.',
  }),
  acmeProfile: optional(
    types.text('profile name', /^[a-z0-9-]{1,64}$/, 'is not 1 to 64 lower-case letters, digits and hyphens'),
    {
      name: 'ACME_PROFILE',
      help: "Certificate profile to order, one of those in the certificate authority's directory. Let's Encrypt offers classic, tlsserver (45 days) and shortlived (160 hours). Default: the certificate authority's own default.",
      fix: 'Set the name of a profile of your certificate authority, such as tlsserver, or remove it.',
    },
  ),
  keyType: withDefault(types.oneOf(['ecdsa', 'rsa']), 'ecdsa', {
    name: 'KEY_TYPE',
    help: 'Key type of new certificates: `ecdsa` (P-256), or `rsa` (2048 bits) for clients that support nothing else. A change takes effect at the next renewal.',
    fix: 'Set ecdsa or rsa.',
  }),
  renewDaysBefore: optional(types.integer('days', 1, 398), {
    name: 'RENEW_DAYS_BEFORE',
    help: 'Renews when at most this many days are left, but never before a third of the lifetime has passed (half for lifetimes under 10 days), so that it cannot loop. Default: when a third of the lifetime is left, or when the certificate authority suggests it (ARI, RFC 9773).',
    fix: 'Set whole days such as 30, or remove it.',
  }),
  renewInterval: withDefault(types.integer('seconds', 0, 999_999_999), '3600', {
    name: 'RENEW_INTERVAL',
    help: 'Seconds between two reconciliations of all records and certificates. Less than 60 counts as 60, and more than 43200 as 43200 (so that a six-day certificate is checked at least three times after its renewal has become urgent), with a warning.',
    fix: 'Set whole seconds from 60 to 43200, such as 3600.',
  }),
};

/**
 * The table of variables: all of them except those of the providers, which are defined with each
 * provider. Parsing, messages and docs/configuration.md are made from it, in this order.
 */
export const variables = {
  ...nameVariables,
  targetEndpoint: optional(types.endpoint, {
    name: 'TARGET_ENDPOINT',
    help: `Where the app listens, as seen from this container: \`host:port\` or \`tcp://host:port\` (bytes are forwarded unchanged), \`http://host[:port]\`, \`https://host[:port]\`, \`grpc://host:port\` or \`grpcs://host:port\` (https and grpcs: over TLS). ${BYTES}: bytes, to the usual port unless one is given; clients are offered the protocol (see ALPN). It applies to every name without an entry in ROUTING_MAP, and is required unless each name has one.`,
    fix: 'Set it to the service and port of the app, such as app:80 or http://app:8080.',
  }),
  proxyMode: withDefault(types.oneOf(['auto', 'tcp']), 'auto', {
    name: 'PROXY_MODE',
    help: '`auto`: the scheme of a target determines its protocol. `tcp`: bytes are forwarded unchanged, even to http:// and grpc:// targets, as in the older container, and over TLS to https:// and grpcs:// targets; connections on which the client negotiated HTTP are still handled as requests unless EVIDENCE_SERVER is false.',
    fix: 'Set auto or tcp.',
  }),
  alpn: optional(types.protocols, {
    name: 'ALPN',
    help: `Application protocols to offer to clients in the TLS handshake (RFC 7301), in order of preference, for every target. Default, per target: \`h2,http/1.1\` for http:// and https://; \`h2\` for grpc:// and grpcs://, which gRPC clients require; otherwise that of the scheme (${PROTOCOLS}), and \`http/1.1\` if EVIDENCE_SERVER is true, so that clients that announce HTTP find /evidences/. Where bytes are forwarded unchanged, the app must speak each of them.`,
    fix: 'Set protocol names, such as h2 or h2,http/1.1.',
  }),
  evidenceServer: withDefault(types.flag, 'true', {
    name: 'EVIDENCE_SERVER',
    help: 'Whether `/evidences/` is answered for every name. With `false` that path goes to the app, and the bytes for a TCP target are never inspected.',
    fix: 'Set true or false.',
  }),
  acceptProxyProtocol: withDefault(types.flag, 'false', {
    name: 'ACCEPT_PROXY_PROTOCOL',
    help: 'With `true` every connection must start with a PROXY header (version 1 or 2) that names the client; connections without one are refused. Use it only if nothing but the sender of these headers can reach the port: anything else that can reach it can claim any address.',
    fix: 'Set true if the proxy in front sends PROXY headers and nothing else can reach the port, otherwise false.',
  }),
  sendProxyProtocol: withDefault(types.proxyHeader, 'off', {
    name: 'SEND_PROXY_PROTOCOL',
    help: 'Whether connections to the apps start with a PROXY header that names the client: `off` (or `false`), `v1`, or `v2` (or `true`). The app must expect it.',
    fix: 'Set off, v1 or v2.',
  }),
  targetTlsVerify: withDefault(types.flag, 'true', {
    name: 'TARGET_TLS_VERIFY',
    help: "Whether the certificate of an https:// or grpcs:// target must be valid for the target's host name. With `false` any certificate is accepted.",
    fix: 'Set true or false.',
  }),
  targetCaFile: optional(types.path, {
    name: 'TARGET_CA_FILE',
    help: 'A PEM file with the certificate authorities for verifying https:// and grpcs:// targets. Default: those of the system.',
    fix: 'Mount a PEM file with at least one certificate and set its absolute path, or remove the variable.',
  }),
  gatewayDomain: optional(types.domainName, {
    name: 'GATEWAY_DOMAIN',
    help: 'The dstack gateway that the name points to. Default: `_.` followed by DSTACK_GATEWAY_DOMAIN, if that is set. For `_.<base>` the record uses `gateway.<base>` once both resolve to the same addresses, because some resolvers refuse a target that starts with an underscore. A gateway name without an address, or without an address in common with DSTACK_GATEWAY_DOMAIN, causes a warning in every reconciliation.',
    fix: "Set it to your cluster's gateway, such as _.dstack-prod5.phala.network.",
  }),
  dstackGatewayDomain: optional(types.domainName, {
    name: 'DSTACK_GATEWAY_DOMAIN',
    help: "Set by dstack: the base name of this cluster's gateway.",
    fix: 'Leave it as dstack sets it, and set GATEWAY_DOMAIN.',
  }),
  ...acmeVariables,
  dnsProvider: optional(types.text('provider name', /^.{1,64}$/, 'is not the name of a provider'), {
    name: 'DNS_PROVIDER',
    help: 'The DNS provider. Default: the one whose credentials are set.',
    fix: 'Set the name of a supported provider.',
  }),
  port: withDefault(types.port, '443', {
    name: 'PORT',
    help: 'The port that HAProxy listens on. It is also the port in the app-address record, so publish it under the same number.',
    fix: 'Set a port from 1 to 65535.',
  }),
  txtPrefix: withDefault(types.ownerLabel, '_dstack-app-address', {
    name: 'TXT_PREFIX',
    help: 'First label of the app-address record, as the gateway looks it up.',
    fix: 'Remove it unless your gateway uses another label.',
  }),
  appAddressMode: withDefault(types.oneOf(['claim', 'hold']), 'claim', {
    name: 'APP_ADDRESS_MODE',
    help: '`claim`: takes the app-address record over from any other container at the start; if another container takes it later, the ingress warns and leaves it. `hold`: never replaces an existing, different value; for a standby.',
    fix: 'Set claim, or hold for a standby.',
  }),
  appId: optional(types.dstackId, {
    name: 'APP_ID',
    aliases: ['DSTACK_APP_ID'],
    help: 'The app id, if the guest agent is not mounted. If both are present, the guest agent wins.',
    fix: 'Set the 40 hexadecimal digits of the app id, or mount the guest agent and remove the variable.',
  }),
  maxconn: withDefault(types.integer('number', 1, 500_000), '4096', {
    name: 'MAXCONN',
    help: 'Maximum number of concurrent client connections in HAProxy; further ones wait.',
    fix: 'Set a whole number such as 4096.',
  }),
  timeoutConnect: withDefault(types.duration, '10s', {
    name: 'TIMEOUT_CONNECT',
    help: 'Maximum time to open a connection to the app.',
    fix: 'Set a number with a unit (us, ms, s, m, h, d), such as 10s.',
  }),
  timeoutClient: withDefault(types.duration, '86400s', {
    name: 'TIMEOUT_CLIENT',
    help: 'Maximum time that a client may be silent.',
    fix: 'Set a number with a unit (us, ms, s, m, h, d), such as 86400s.',
  }),
  timeoutServer: withDefault(types.duration, '86400s', {
    name: 'TIMEOUT_SERVER',
    help: 'Maximum time that the app may be silent.',
    fix: 'Set a number with a unit (us, ms, s, m, h, d), such as 86400s.',
  }),
  propagationTimeout: optional(types.integer('seconds', 1, 86_400), {
    name: 'DNS_PROPAGATION_TIMEOUT',
    help: 'Seconds to wait for a published record at every authoritative server. Default: depends on the provider.',
    fix: 'Set whole seconds such as 300, or remove it.',
  }),
  resolvers: optional(types.serverAddresses, {
    name: 'DNS_RESOLVERS',
    help: 'Resolvers for finding authoritative servers and the addresses of the gateway. Default: those of the system.',
    fix: 'Set IP addresses, such as 1.1.1.1,8.8.8.8:53.',
  }),
  httpsProxy: optional(proxyUrl, {
    name: 'HTTPS_PROXY',
    aliases: ['https_proxy'],
    secret: true,
    help: "An HTTP proxy for all outgoing HTTPS requests: to the certificate authority and to the DNS provider's API. `http://[user:password@]host[:port]`, or `https://…` if the proxy itself speaks TLS. DNS (port 53) does not use it; neither do the app, the guest agent and http:// URLs.",
    fix: 'Set the URL of an HTTP proxy, such as http://proxy.example.com:3128, or remove it.',
  }),
  noProxy: optional(proxyBypass, {
    name: 'NO_PROXY',
    aliases: ['no_proxy'],
    help: 'Destinations to reach without HTTPS_PROXY, separated by commas: `ca.example.com` (this host only), `.example.com` or `*.example.com` (every host below), an address, a range of addresses `10.0.0.1-10.0.0.99`, each with `:port` to restrict it to that port, or `*` for everything.',
    fix: 'Set host names and addresses separated by commas, or remove it.',
  }),
  guestAgent: optional(
    types.text('path or URL', /^(?:\/|https?:\/\/)[\x21-\x7e]+$/, 'is neither an absolute path nor a URL'),
    {
      name: 'DSTACK_SIMULATOR_ENDPOINT',
      help: 'Location of the guest agent: the path of a Unix socket, or a URL. Default: the first of /var/run/dstack.sock, /run/dstack.sock, /var/run/dstack/dstack.sock, /run/dstack/dstack.sock that exists, else /var/run/tappd.sock or /run/tappd.sock.',
      fix: 'Set the path of the socket of a guest agent or simulator, or remove it.',
    },
  ),
  letsencryptDir: withDefault(types.path, '/etc/letsencrypt', {
    name: 'LETSENCRYPT_DIR',
    help: "Certificates and accounts, in certbot's layout. Mount a volume here.",
    fix: 'Set an absolute path.',
  }),
  evidenceDir: withDefault(types.path, '/evidences', {
    name: 'EVIDENCE_DIR',
    help: 'Where evidence is published. This version does not publish any yet.',
    fix: 'Set an absolute path.',
  }),
  runtimeDir: withDefault(types.path, '/run/dstack-ingress', {
    name: 'RUNTIME_DIR',
    help: "HAProxy's configuration and sockets. Nothing in it outlives the process.",
    fix: 'Set an absolute path of at most 80 characters.',
  }),
  haproxyBin: withDefault(types.program, 'haproxy', {
    name: 'HAPROXY_BIN',
    help: 'The HAProxy program, version 2.6 or newer. Before 2.9, a client that never completes its handshake is kept for TIMEOUT_CLIENT.',
    fix: 'Set the path of the program, such as /usr/sbin/haproxy.',
  }),
  logLevel: withDefault(types.oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']), 'info', {
    name: 'LOG_LEVEL',
    help: 'The lowest level that is logged.',
    fix: 'Set info, or debug to see more.',
  }),
};

/** The values of the variables. */
export type IngressSettings = Settings<typeof variables>;
