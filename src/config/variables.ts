import { acmeVariables } from './acme-variables.ts';
import { proxyBypass, proxyUrl } from './https-proxy.ts';
import { nameVariables } from './name-variables.ts';
import { namedBytes, SCHEMES } from './schemes.ts';
import * as types from './types.ts';
import { optional, type Settings, withDefault } from './variable.ts';

const BYTES = namedBytes.map((scheme) => `\`${scheme}://\``).join(', ');
const PROTOCOLS = [...new Set(namedBytes.flatMap((scheme) => SCHEMES[scheme].alpn))]
  .map((protocol) => `\`${protocol}\``)
  .join(', ');

/**
 * The table of variables: every one that is not a provider's own (those stand beside their provider). Parsing, messages
 * and docs/configuration.md are made from it, in this order.
 */
export const variables = {
  ...nameVariables,
  targetEndpoint: optional(types.endpoint, {
    name: 'TARGET_ENDPOINT',
    help: `Where the app listens, as seen from this container: \`host:port\` or \`tcp://host:port\` (bytes are forwarded as they are), \`http://host[:port]\`, \`https://host[:port]\`, \`grpc://host:port\` or \`grpcs://host:port\` (https and grpcs: by TLS). ${BYTES}: bytes, to the usual port where none is named, with the protocol offered to clients (see ALPN). It is for every name without an entry in ROUTING_MAP, and needed unless each has one.`,
    fix: 'Set it to the service and port of the app, such as app:80 or http://app:8080.',
  }),
  proxyMode: withDefault(types.oneOf(['auto', 'tcp']), 'auto', {
    name: 'PROXY_MODE',
    help: '`auto`: the scheme of a target says what it speaks. `tcp`: bytes are forwarded as they are, also to http:// and grpc:// targets, as the older container did, and over TLS to https:// and grpcs:// targets; unless EVIDENCE_SERVER is false, connections on which the client negotiated HTTP are handled as requests all the same.',
    fix: 'Set auto or tcp.',
  }),
  alpn: optional(types.protocols, {
    name: 'ALPN',
    help: `The application protocols that are offered to clients in the TLS handshake (RFC 7301), the preferred one first, for every target. Default, for each target: \`h2,http/1.1\` for http:// and https://, \`h2\` for grpc:// and grpcs://, which gRPC clients insist on; else that of the scheme (${PROTOCOLS}), and \`http/1.1\` where EVIDENCE_SERVER is true, so that clients that say that they speak HTTP find /evidences/. Where bytes are forwarded as they are, the app has to speak each of them.`,
    fix: 'Set names of protocols, such as h2 or h2,http/1.1.',
  }),
  evidenceServer: withDefault(types.flag, 'true', {
    name: 'EVIDENCE_SERVER',
    help: 'Whether `/evidences/` is answered for every name. With `false` the path goes to the app, and the bytes for a TCP target are never looked at.',
    fix: 'Set true or false.',
  }),
  acceptProxyProtocol: withDefault(types.flag, 'false', {
    name: 'ACCEPT_PROXY_PROTOCOL',
    help: 'With `true` every connection has to begin with a PROXY header (version 1 or 2), which says who the client is; one without is refused. Only where nothing else than what sends them reaches the port: whoever does can claim any address.',
    fix: 'Set true where whatever stands in front sends PROXY headers and nothing else reaches the port, else false.',
  }),
  sendProxyProtocol: withDefault(types.proxyHeader, 'off', {
    name: 'SEND_PROXY_PROTOCOL',
    help: 'Whether connections to the apps begin with a PROXY header that says who the client is: `off` (or `false`), `v1`, or `v2` (or `true`). The app has to expect it.',
    fix: 'Set off, v1 or v2.',
  }),
  targetTlsVerify: withDefault(types.flag, 'true', {
    name: 'TARGET_TLS_VERIFY',
    help: 'Whether the certificate of an https:// or grpcs:// target has to be valid for the host name of the target. With `false` whatever it shows is taken.',
    fix: 'Set true or false.',
  }),
  targetCaFile: optional(types.path, {
    name: 'TARGET_CA_FILE',
    help: 'A PEM file with the certificate authorities that https:// and grpcs:// targets are checked against. Default: those of the system.',
    fix: 'Mount a PEM file with at least one certificate and give its absolute path, or leave it out.',
  }),
  gatewayDomain: optional(types.domainName, {
    name: 'GATEWAY_DOMAIN',
    help: 'The dstack gateway that the name points to. Default: `_.` and DSTACK_GATEWAY_DOMAIN where that is set. For `_.<base>` the record says `gateway.<base>` as soon as both resolve to the same addresses, because some resolvers refuse a target that starts with an underscore. A name without an address, and one that shares no address with DSTACK_GATEWAY_DOMAIN, is a warning in every pass.',
    fix: "Set it to your cluster's gateway, such as _.dstack-prod5.phala.network.",
  }),
  dstackGatewayDomain: optional(types.domainName, {
    name: 'DSTACK_GATEWAY_DOMAIN',
    help: 'Set by dstack: the base name of the gateway of this cluster.',
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
    help: 'The port that HAProxy listens on; it is also the port in the app-address record, so publish it as it is.',
    fix: 'Set a port from 1 to 65535.',
  }),
  txtPrefix: withDefault(types.ownerLabel, '_dstack-app-address', {
    name: 'TXT_PREFIX',
    help: 'First label of the app-address record, as the gateway looks it up.',
    fix: 'Leave it out unless your gateway uses another one.',
  }),
  appAddressMode: withDefault(types.oneOf(['claim', 'hold']), 'claim', {
    name: 'APP_ADDRESS_MODE',
    help: '`claim`: at the start the app-address record is taken over from whoever has it; when another container takes it later, that is said and left alone. `hold`: an existing, different value is never replaced: for a standby.',
    fix: 'Set claim, or hold for a standby.',
  }),
  appId: optional(types.dstackId, {
    name: 'APP_ID',
    aliases: ['DSTACK_APP_ID'],
    help: 'The app id, where the guest agent is not mounted. When both are there, the guest agent decides.',
    fix: 'Set the 40 hexadecimal digits of the app id, or mount the guest agent and leave it out.',
  }),
  maxconn: withDefault(types.integer('number', 1, 500_000), '4096', {
    name: 'MAXCONN',
    help: 'Connections of clients that HAProxy holds at once; more wait.',
    fix: 'Set a whole number such as 4096.',
  }),
  timeoutConnect: withDefault(types.duration, '10s', {
    name: 'TIMEOUT_CONNECT',
    help: 'How long a connection to the app may take to open.',
    fix: 'Set a number with a unit (us, ms, s, m, h, d), such as 10s.',
  }),
  timeoutClient: withDefault(types.duration, '86400s', {
    name: 'TIMEOUT_CLIENT',
    help: 'How long a client may be silent.',
    fix: 'Set a number with a unit (us, ms, s, m, h, d), such as 86400s.',
  }),
  timeoutServer: withDefault(types.duration, '86400s', {
    name: 'TIMEOUT_SERVER',
    help: 'How long the app may be silent.',
    fix: 'Set a number with a unit (us, ms, s, m, h, d), such as 86400s.',
  }),
  propagationTimeout: optional(types.integer('seconds', 1, 86_400), {
    name: 'DNS_PROPAGATION_TIMEOUT',
    help: 'Seconds that a published record may take to be seen at every authoritative name server. Default: the figure of the provider.',
    fix: 'Set whole seconds such as 300, or leave it out.',
  }),
  resolvers: optional(types.serverAddresses, {
    name: 'DNS_RESOLVERS',
    help: 'Resolvers that find the authoritative name servers and the addresses of the gateway. Default: those of the system.',
    fix: 'Set IP addresses, such as 1.1.1.1,8.8.8.8:53.',
  }),
  httpsProxy: optional(proxyUrl, {
    name: 'HTTPS_PROXY',
    aliases: ['https_proxy'],
    secret: true,
    help: "An HTTP proxy that everything goes through that is asked by HTTPS: the certificate authority and the DNS provider's API. `http://[user:password@]host[:port]`, or `https://…` for a proxy that is itself spoken to by TLS. DNS is asked directly all the same (port 53); the app, the guest agent and URLs that begin with http:// never go through it.",
    fix: 'Set the URL of an HTTP proxy, such as http://proxy.example.com:3128, or leave it out.',
  }),
  noProxy: optional(proxyBypass, {
    name: 'NO_PROXY',
    aliases: ['no_proxy'],
    help: 'What is asked without HTTPS_PROXY, separated by commas: `ca.example.com` (this host alone), `.example.com` or `*.example.com` (every host below), an address, a range of addresses `10.0.0.1-10.0.0.99`, each with a `:port` where only that port is meant, or `*` for everything.',
    fix: 'Set host names and addresses with commas between, or leave it out.',
  }),
  guestAgent: optional(
    types.text('path or URL', /^(?:\/|https?:\/\/)[\x21-\x7e]+$/, 'is neither an absolute path nor a URL'),
    {
      name: 'DSTACK_SIMULATOR_ENDPOINT',
      help: 'Another place of the guest agent: the path of a Unix socket, or a URL. Default: the first of /var/run/dstack.sock, /run/dstack.sock, /var/run/dstack/dstack.sock, /run/dstack/dstack.sock that is there, else /var/run/tappd.sock or /run/tappd.sock.',
      fix: 'Set the path of the socket of a guest agent or simulator, or leave it out.',
    },
  ),
  letsencryptDir: withDefault(types.path, '/etc/letsencrypt', {
    name: 'LETSENCRYPT_DIR',
    help: "Certificates and accounts, in certbot's layout. Mount a volume here.",
    fix: 'Set an absolute path.',
  }),
  evidenceDir: withDefault(types.path, '/evidences', {
    name: 'EVIDENCE_DIR',
    help: 'Where evidence is published for others to read. This version publishes none yet.',
    fix: 'Set an absolute path.',
  }),
  runtimeDir: withDefault(types.path, '/run/dstack-ingress', {
    name: 'RUNTIME_DIR',
    help: "HAProxy's configuration and sockets. Nothing in it outlives the process.",
    fix: 'Set an absolute path of at most 80 characters.',
  }),
  haproxyBin: withDefault(types.program, 'haproxy', {
    name: 'HAPROXY_BIN',
    help: 'The HAProxy to run, 2.6 or newer; before 2.9 a client that never ends its handshake is waited for as long as TIMEOUT_CLIENT says.',
    fix: 'Set the path of the program, such as /usr/sbin/haproxy.',
  }),
  logLevel: withDefault(types.oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']), 'info', {
    name: 'LOG_LEVEL',
    help: 'The least severe level that is logged.',
    fix: 'Set info, or debug to see more.',
  }),
};

export type IngressSettings = Settings<typeof variables>;
