import { isIP } from 'node:net'; // parses text, nothing else

/** Where connections are handed on to. */
export interface Target {
  /** A hostname, an IPv4 or an IPv6 literal (without brackets). */
  readonly host: string;
  readonly port: number;
}

/** What HAProxy gives up once it listens. Only root can hand these over. */
export interface Privileges {
  readonly user: string;
  readonly group: string;
  /** An empty directory that nobody may write; none where the control plane may not change its root directory. */
  readonly chroot?: string;
}

export interface ProxySettings {
  readonly port: number;
  /** Connections of others at once. */
  readonly maxconn: number;
  /** Milliseconds. */
  readonly timeouts: { readonly connect: number; readonly client: number; readonly server: number };
  readonly target: Target;
  /** Application protocols to offer (RFC 7301), the preferred one first. Empty: none is negotiated. */
  readonly alpn: readonly string[];
  readonly paths: {
    /** The runtime socket: whoever may connect to it rules HAProxy. */
    readonly socket: string;
    /** Names the certificates; an empty file, because they come through the runtime socket. */
    readonly crtList: string;
    /** Where the control plane itself makes handshakes: a Unix socket that only its own user may connect to. */
    readonly own: string;
  };
  /** Undefined when the control plane is not root: then there is nothing to give up. */
  readonly privileges: Privileges | undefined;
  /** Milliseconds that open connections get to finish once HAProxy is asked to stop; 8,000 at most. */
  readonly drainMs: number;
  /** Without it HAProxy starts one thread for each core. */
  readonly threads?: number;
}

/** Connections that are kept for the control plane when others have all of MAXCONN. */
export const OWN_CONNECTIONS = 8;

/** The frontend that the world sees, as the runtime socket calls it. */
export const publicFrontend = 'tls';

/** The one backend server, as the runtime socket calls it. */
export const appServer = 'app/app';

/** `timeout` values are kept in a signed 32-bit number of milliseconds. */
const LONGEST_TIMEOUT_MS = 2_147_483_647;
/** Twice as many file descriptors is what Linux lets one process have (fs.nr_open, 2^20) without being asked. */
const MOST_CONNECTIONS = 500_000;
const MOST_THREADS = 64;
/** A supervisor kills after ten seconds, so that eight are ours to give. */
const LONGEST_DRAIN_MS = 8_000;
/** sun_path holds 107; HAProxy binds `<path>.<pid>.tmp` and renames it. */
const LONGEST_PATH = 97;
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** AEAD with ephemeral keys, for either kind of certificate key: Mozilla's "intermediate" without DHE. */
const TLS12_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
const TLS13_CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
const CURVES = 'X25519:P-256:P-384';

/**
 * The configuration of HAProxy 2.6 and newer as text.
 *
 * Everything that reaches the text is checked here once more. Throws a RangeError for what could not stand in it:
 * the configuration of the ingress has refused that before, so it is a fault of the program.
 */
export function renderHaproxy(settings: ProxySettings): string {
  return [global(settings), defaults(settings), frontend(settings), own(settings), backend(settings)]
    .map((lines) => lines.map((line, index) => (index === 0 ? line : `  ${line}`)).join('\n'))
    .join('\n\n')
    .concat('\n');
}

function global({ maxconn, paths, privileges, drainMs, threads }: ProxySettings): string[] {
  return [
    'global',
    // `short` puts the severity before each line, where `raw` would leave it to be guessed.
    'log stdout format short daemon',
    `stats socket ${plainPath(paths.socket)} mode 600 level admin`,
    `maxconn ${connections(maxconn) + OWN_CONNECTIONS}`,
    // With a low `ulimit -n`, fewer connections are better than none.
    'no strict-limits',
    `hard-stop-after ${whole('drainMs', drainMs, 1, LONGEST_DRAIN_MS)}ms`,
    ...(threads === undefined ? [] : [`nbthread ${whole('threads', threads, 1, MOST_THREADS)}`]),
    ...(privileges === undefined ? [] : surrender(privileges)),
    // Sessions are resumed by tickets. The cache serves only TLS 1.2 clients without them, and 20,000 places
    // (the default) are 4.6 MB.
    'tune.ssl.cachesize 1000',
    `ssl-default-bind-ciphers ${TLS12_CIPHERS}`,
    `ssl-default-bind-ciphersuites ${TLS13_CIPHERS}`,
    `ssl-default-bind-curves ${CURVES}`,
    // Not `prefer-client-ciphers`: from OpenSSL 3.5 on it would leave the curve to the client too. A client that puts
    // ChaCha20 first gets it all the same.
    'ssl-default-bind-options ssl-min-ver TLSv1.2',
  ];
}

function surrender({ user, group, chroot }: Privileges): string[] {
  const inside = chroot === undefined ? [] : [`chroot ${plainPath(chroot)}`];
  return [`user ${account(user)}`, `group ${account(group)}`, ...inside];
}

function defaults({ timeouts }: ProxySettings): string[] {
  const connect = timeout('connect', timeouts.connect);
  const client = timeout('client', timeouts.client);
  const server = timeout('server', timeouts.server);
  return [
    'defaults',
    'mode tcp',
    'log global',
    'option dontlog-normal',
    'option dontlognull',
    'retries 3',
    `timeout connect ${connect}ms`,
    `timeout client ${client}ms`,
    `timeout server ${server}ms`,
    // Older ones know only `timeout client` here, a day by default, for a client that never ends its handshake.
    '.if version_atleast(2.9)',
    `timeout client-hs ${Math.min(HANDSHAKE_TIMEOUT_MS, client)}ms`,
    '.endif',
  ];
}

function frontend({ port, maxconn, paths, alpn }: ProxySettings): string[] {
  const bind = `bind :${whole('port', port, 1, 65_535)} ssl crt-list ${plainPath(paths.crtList)} strict-sni`;
  const offer = alpn.length === 0 ? '' : ` alpn ${alpn.map(protocol).join(',')}`;
  return [
    `frontend ${publicFrontend}`,
    `${bind}${offer}`,
    'option tcplog',
    `maxconn ${connections(maxconn)}`,
    'default_backend app',
  ];
}

/** Shows the same certificates when nobody else gets through any more, and ends after the handshake. */
function own({ paths }: ProxySettings): string[] {
  return [
    'frontend own',
    'no log',
    `bind ${plainPath(paths.own)} mode 600 ssl crt-list ${plainPath(paths.crtList)} strict-sni`,
    `maxconn ${OWN_CONNECTIONS}`,
    'tcp-request session reject',
  ];
}

function backend({ target }: ProxySettings): string[] {
  return ['backend app', `server app ${serverAddress(target)}`];
}

/**
 * A name is resolved by the control plane, which sets the address and enables the server. The placeholder is not
 * 0.0.0.0, because to HAProxy that means the address the client connected to.
 */
function serverAddress({ host, port }: Target): string {
  const checkedPort = whole('target port', port, 1, 65_535);
  if (!isPlainHost(host))
    throw new RangeError(`not a host that can be connected to: ${JSON.stringify(host)}`);
  switch (isIP(host)) {
    case 4:
      return `ipv4@${host}:${checkedPort}`;
    case 6:
      return `ipv6@[${host}]:${checkedPort}`;
    default:
      return '127.0.0.1:1 disabled';
  }
}

/** Whether it is a hostname or an address that one can connect to: no zone index, and not "any" (0.0.0.0, ::). */
export function isPlainHost(host: string): boolean {
  if (isIP(host) !== 0) return isConnectable(host);
  if (/^[\d.]+$/.test(host)) return false;
  return host.length <= 253 && /^(?!-)[\w-]{1,63}(\.(?!-)[\w-]{1,63})*$/.test(host);
}

/** Whether an address is one host's: HAProxy takes the unspecified one for "where the client connected to". */
export function isConnectable(address: string): boolean {
  return isIP(address) !== 0 && !address.includes('%') && !/^[0:.]+$/.test(address);
}

/** Whether it is an absolute path that needs no quoting and fits a socket. */
export function isPlainPath(path: string): boolean {
  return path.length <= LONGEST_PATH && /^\/[\w./@+~=-]*$/.test(path);
}

function plainPath(path: string): string {
  if (isPlainPath(path)) return path;
  throw new RangeError(`not a path that can stand in the configuration of HAProxy: ${JSON.stringify(path)}`);
}

function protocol(name: string): string {
  if (/^[a-z0-9][a-z0-9./+_-]{0,31}$/.test(name)) return name;
  throw new RangeError(`not the name of an application protocol: ${JSON.stringify(name)}`);
}

function account(name: string): string {
  if (/^[a-z_][a-z0-9_-]{0,31}$/.test(name)) return name;
  throw new RangeError(`not the name of a user or group: ${JSON.stringify(name)}`);
}

function connections(maxconn: number): number {
  return whole('maxconn', maxconn, 1, MOST_CONNECTIONS);
}

function timeout(name: string, ms: number): number {
  return whole(`timeout ${name}`, ms, 1, LONGEST_TIMEOUT_MS);
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
}
