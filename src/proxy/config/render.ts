import { ERROR_LOG_FORMAT, LOG_FORMAT, LOG_LINE_BYTES } from '../process/failure.ts';
import { type Backend, backendsOf, SERVER, type ServerOptions, servers } from './backends.ts';
import { headerLimits, headerRoom } from './buffers.ts';
import { OF_TCP, useBackends } from './choose-backend.ts';
import { errorPages, grpcPages, page, silentTimeout } from './error-pages.ts';
import { h2Windows } from './h2-windows.ts';
import { asciiUrl, noH2c, requestRules } from './http-rules.ts';
import { plainToTls } from './plain-to-tls.ts';
import { lookUp } from './route-map.ts';
import type { Route } from './routes.ts';
import { sessionCache } from './session-cache.ts';
import { account, EVIDENCE, plainPath, port as portWord, publicFrontend, timeout, whole } from './syntax.ts';
import { tlsDefaults } from './tls.ts';

/** What HAProxy gives up once it listens. Only root can hand these over. */
export interface Privileges {
  readonly user: string;
  readonly group: string;
  /** An empty directory that nobody may write; none where the control plane may not change its root directory. */
  readonly chroot?: string;
}

export interface ProxySettings extends ServerOptions {
  readonly port: number;
  /** Whether to listen on IPv6 beside IPv4, see hasIpv6. */
  readonly ipv6: boolean;
  /** Connections of others at once. */
  readonly maxconn: number;
  /** Milliseconds. */
  readonly timeouts: { readonly connect: number; readonly client: number; readonly server: number };
  /** At least one; no name twice. */
  readonly routes: readonly Route[];
  /** Whether each connection has to begin with a PROXY header, which says who the client is. */
  readonly acceptProxy: boolean;
  /** The port of this host where requests below /evidences/ are answered. Undefined: they go to the app. */
  readonly evidencePort: number | undefined;
  readonly paths: {
    /** The runtime socket: whoever may connect to it rules HAProxy. */
    readonly socket: string;
    /** Names the certificates; an empty file, because they come through the runtime socket. */
    readonly crtList: string;
    /** Where the target of a name is looked up, see renderRoutes. */
    readonly routes: string;
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

/** Twice as many file descriptors is what Linux lets one process have (fs.nr_open, 2^20) without being asked. */
const MOST_CONNECTIONS = 500_000;
const MOST_THREADS = 64;
/** Further ones share what is there: not all apps of one ingress are at their limit at once. */
const PROVISIONED_APPS = 4;
/** A supervisor kills after ten seconds, so that eight are ours to give. */
const LONGEST_DRAIN_MS = 8_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** For a client to send the header of a request that it has begun. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Requests to the control plane at once; more wait. */
const EVIDENCE_CONNECTIONS = 16;
const EVIDENCE_TIMEOUT_MS = 10_000;

/** The configuration of HAProxy 2.6 and newer as text. Throws a RangeError for what could not stand in it. */
export function renderHaproxy(settings: ProxySettings): string {
  const backends = backendsOf(settings.routes, settings.evidencePort !== undefined);
  const sections = [
    global(settings, backends),
    defaults(settings),
    ...requestDefaults(settings, backends),
    frontend(settings, backends),
    own(settings),
    ...evidence(settings),
    ...backends.map((backend) => section(backend, settings)),
  ];
  return sections
    .map((lines) => lines.map((line, index) => (index === 0 ? line : `  ${line}`)).join('\n'))
    .join('\n\n')
    .concat('\n');
}

function global(
  { maxconn, paths, privileges, drainMs, threads }: ProxySettings,
  backends: readonly Backend[],
): string[] {
  return [
    'global',
    // `short` puts the severity before each line, where `raw` would leave it to be guessed.
    `log stdout len ${LOG_LINE_BYTES} format short daemon`,
    `stats socket ${plainPath(paths.socket)} mode 600 level admin`,
    `maxconn ${provisioned(maxconn, backends) + OWN_CONNECTIONS}`,
    // With a low `ulimit -n`, fewer connections are better than none.
    'no strict-limits',
    `hard-stop-after ${whole('drainMs', drainMs, 1, LONGEST_DRAIN_MS)}ms`,
    ...(threads === undefined ? [] : [`nbthread ${whole('threads', threads, 1, MOST_THREADS)}`]),
    ...(privileges === undefined ? [] : surrender(privileges)),
    ...sessionCache(backends),
    ...headerRoom,
    ...h2Windows,
    // WebSockets over HTTP/2 (RFC 8441) are not offered. Browsers would open one to another name of a certificate on the
    // connection they have, read the 421 and give up. They open a connection for it instead, whose handshake names it.
    'h2-workaround-bogus-websocket-clients',
    ...tlsDefaults,
  ];
}

function surrender({ user, group, chroot }: Privileges): string[] {
  const inside = chroot === undefined ? [] : [`chroot ${plainPath(chroot)}`];
  return [`user ${account(user)}`, `group ${account(group)}`, ...inside];
}

function defaults({ timeouts }: ProxySettings): string[] {
  const client = timeout('client', timeouts.client);
  return [
    'defaults tcp',
    'mode tcp',
    // HAProxy 3.4 has it by default: of the handshake, and of requests.
    'no option abortonclose',
    'log global',
    'option dontlog-normal',
    'retries 3',
    `timeout connect ${timeout('connect', timeouts.connect)}ms`,
    `timeout client ${client}ms`,
    `timeout server ${timeout('server', timeouts.server)}ms`,
    `timeout http-request ${Math.min(REQUEST_TIMEOUT_MS, client)}ms`,
    `timeout http-keep-alive ${client}ms`,
    // Older ones know only `timeout client` here, a day by default, for a client that never ends its handshake.
    '.if version_atleast(2.9)',
    `timeout client-hs ${Math.min(HANDSHAKE_TIMEOUT_MS, client)}ms`,
    '.endif',
    // Newer ones ask an app at an address for the name in the Host field, for which it may have no certificate.
    '.if version_atleast(3.3)',
    'default-server no-sni-auto',
    '.endif',
  ];
}

/** A section for each kind of backend that takes requests. */
function requestDefaults(settings: ProxySettings, backends: readonly Backend[]): string[][] {
  const { evidencePort } = settings;
  const base = (name: Backend['kind']) => [
    `defaults ${name} from tcp`,
    'mode http',
    // Else HAProxy tells the kernel that more will come of a body, and small pieces wait for it for 200 ms.
    'option http-no-delay',
    ...errorPages,
    ...headerLimits,
    ...noH2c,
    asciiUrl,
  ];
  const some = (kind: Backend['kind']) => backends.some((backend) => backend.kind === kind);
  const plain = some('plain-http') || evidencePort !== undefined;
  return [
    ...(plain ? [base('plain-http')] : []),
    ...(some('http') ? [[...base('http'), ...requestRules(settings), ...plainToTls]] : []),
  ];
}

function frontend(settings: ProxySettings, backends: readonly Backend[]): string[] {
  const { maxconn, evidencePort } = settings;
  const some = (kind: Backend['kind']) => backends.some((backend) => backend.kind === kind);
  const speaksHttp = '{ ssl_fc_alpn h2 http/1.1 }';
  const requests = [
    ...(some('http') ? [some('bytes') ? `!${OF_TCP}` : 'TRUE'] : []),
    ...(some('plain-http') ? [speaksHttp] : []),
  ];
  const toEvidence = requests.map(
    (term) => `use_backend ${EVIDENCE} if ${term} { path_beg /evidences } { path -m reg ^/evidences(/|$) }`,
  );
  return [
    `frontend ${publicFrontend} from tcp`,
    bind(settings),
    `log-format ${LOG_FORMAT}`,
    // Without it, handshakes that fail are logged in words of HAProxy's own.
    `error-log-format ${ERROR_LOG_FORMAT}`,
    `maxconn ${connections(maxconn)}`,
    'tcp-request session set-var(sess.name) ssl_fc_sni,lower',
    ...lookUp('tcp-request session', 'sess', settings),
    'tcp-request session reject if !{ var(sess.route) -m found }',
    ...(requests.length === 0
      ? []
      : [silentTimeout, `tcp-request content switch-mode http if ${requests.join(' || ')}`]),
    // Under the same conditions, so that bytes are not even asked for a path.
    ...(evidencePort === undefined ? [] : toEvidence),
    ...useBackends(backends),
  ];
}

/**
 * A socket for each family: one for both would show IPv4 clients as `::ffff:192.0.2.1`, and fail where there is no IPv6. They
 * share a line, and so what they know of certificates and sessions.
 */
function bind({ port, ipv6, acceptProxy, paths }: ProxySettings): string {
  const checkedPort = portWord('port', port);
  return [
    `bind ipv4@:${checkedPort}${ipv6 ? `,ipv6@:${checkedPort} v6only` : ''}`,
    ...(acceptProxy ? ['accept-proxy'] : []),
    `ssl crt-list ${plainPath(paths.crtList)} strict-sni`,
  ].join(' ');
}

/** Shows the same certificates when nobody else gets through any more, and ends after the handshake. */
function own({ paths }: ProxySettings): string[] {
  return [
    'frontend own from tcp',
    'no log',
    `bind ${plainPath(paths.own)} mode 600 ssl crt-list ${plainPath(paths.crtList)} strict-sni`,
    `maxconn ${OWN_CONNECTIONS}`,
    'tcp-request session reject',
  ];
}

function evidence({ evidencePort }: ProxySettings): string[][] {
  if (evidencePort === undefined) return [];
  return [
    [
      `backend ${EVIDENCE} from plain-http`,
      // It needs none, and has room for 16 kB of header.
      'http-request del-header cookie',
      // There are few connections: none for a request whose client has not finished, and might never.
      `http-request return ${page(413)} if { req.body_size gt 0 }`,
      `http-request wait-for-body time ${EVIDENCE_TIMEOUT_MS}ms`,
      `http-request return ${page(413)} if { req.body_len gt 0 }`,
      `timeout server ${EVIDENCE_TIMEOUT_MS}ms`,
      `server ${SERVER} 127.0.0.1:${portWord('evidence port', evidencePort)} maxconn ${EVIDENCE_CONNECTIONS}`,
    ],
  ];
}

/** Clients of bytes are counted where they come in; each HTTP/2 client can have a hundred requests under way. */
function section(backend: Backend, settings: ProxySettings): string[] {
  const { name, kind, speaks, once } = backend;
  // Behind a PROXY header the kernel does not know clients by their addresses, so that nobody could let go those that are gone.
  const abortOnClose = backend.abortOnClose || settings.acceptProxy;
  if (kind === 'bytes') return [`backend ${name} from tcp`, ...servers(backend, settings, undefined)];
  return [
    `backend ${name} from ${kind}`,
    ...(once && speaks === 'http/1.1' ? ['option http-server-close'] : []),
    ...(abortOnClose ? ['option abortonclose'] : []),
    ...(kind === 'http' && speaks === 'h2' ? grpcPages : []),
    ...servers(backend, settings, connections(settings.maxconn)),
  ];
}

/**
 * What file descriptors are provided for: two for each. A client of bytes takes two. Clients of requests take one each, and those of HTTP/1.1
 * one more for the request that is under way; those of HTTP/2 fill each backend of theirs, of the first few apps.
 */
function provisioned(maxconn: number, backends: readonly Backend[]): number {
  const busy = [...Map.groupBy(backends, ({ target }) => target).values()]
    .map((ofApp) => ofApp.filter(({ abortOnClose }) => abortOnClose).length)
    .sort((one, other) => other - one)
    .slice(0, PROVISIONED_APPS)
    .reduce((sum, count) => sum + count, 0);
  const wanted = Math.ceil((connections(maxconn) * (1 + Math.max(1, busy))) / 2);
  return Math.max(maxconn, Math.min(wanted, MOST_CONNECTIONS));
}

function connections(maxconn: number): number {
  return whole('maxconn', maxconn, 1, MOST_CONNECTIONS);
}
