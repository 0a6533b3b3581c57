import { type Backend, backendsOf, IS_TCP_TARGET, useBackendRules } from './backends.ts';
import { bufferSettings, h2WindowSettings, headerLimitRules } from './buffers.ts';
import { checkedMaxconn, globalMaxconn, RESERVED_CONNECTIONS } from './connections.ts';
import { errorPage, errorPages, grpcErrorPages, noPageOnTimeout } from './error-pages.ts';
import { asciiUrlRule, noH2cRules, requestRules, tlsRequiredRules } from './http-rules.ts';
import { ERROR_LOG_FORMAT, LOG_FORMAT, LOG_LINE_BYTES } from './log-format.ts';
import { routeLookupRules } from './route-map.ts';
import type { ProxyRoute } from './routes.ts';
import { MAIN_SERVER, type ServerOptions, serverLines } from './servers.ts';
import {
  account,
  checkedPath,
  EVIDENCE_BACKEND,
  integer,
  PUBLIC_FRONTEND,
  port as portWord,
  timeout,
} from './syntax.ts';
import { sessionCacheSettings, tlsSettings } from './tls.ts';

/**
 * The user, group and root directory that HAProxy changes to once it listens. Only root can do
 * this.
 */
export interface Privileges {
  readonly user: string;
  readonly group: string;
  /** An empty, read-only directory; undefined if this process may not call chroot(2). */
  readonly chroot?: string;
}

/** Everything that haproxy.cfg depends on. */
export interface ProxySettings extends ServerOptions {
  readonly port: number;
  /** Whether to listen on IPv6 besides IPv4, see hasIpv6. */
  readonly ipv6: boolean;
  /** Concurrent client connections. */
  readonly maxconn: number;
  /** Milliseconds. */
  readonly timeouts: { readonly connect: number; readonly client: number; readonly server: number };
  /** At least one; their names are distinct. */
  readonly routes: readonly ProxyRoute[];
  /** Whether each connection has to begin with a PROXY header that names the client. */
  readonly acceptProxy: boolean;
  /**
   * The port on this host of the evidence server, which answers requests below /evidences/;
   * undefined if they go to the app.
   */
  readonly evidencePort: number | undefined;
  readonly paths: {
    /** The Unix socket of the runtime API. Any process that can connect to it controls HAProxy. */
    readonly socket: string;
    /**
     * Lists the certificates. The file is empty, because they are added through the runtime API.
     */
    readonly crtList: string;
    /** The map from name to target, see renderRouteMap. */
    readonly routes: string;
    /**
     * A Unix socket for TLS handshakes of the control plane. Only its own user may connect to it.
     */
    readonly handshakeSocket: string;
  };
  /** Undefined when the control plane is not root: then HAProxy runs as the same user. */
  readonly privileges: Privileges | undefined;
  /**
   * Milliseconds that open connections get to finish once HAProxy is asked to stop; at most 8,000.
   */
  readonly drainMs: number;
  /** Default: one thread for each core. */
  readonly threads?: number;
}

const MAX_THREADS = 64;
/** Container engines kill a container after ten seconds; eight of these are for draining. */
const MAX_DRAIN_MS = 8_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long a client may take to send the rest of a request header. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Concurrent requests to the evidence server; further ones queue. */
const EVIDENCE_CONNECTIONS = 16;
const EVIDENCE_TIMEOUT_MS = 10_000;

/**
 * Renders haproxy.cfg for HAProxy 2.6 and newer. Throws a RangeError for a value that cannot be
 * written there. Pure.
 */
export function renderHaproxy(settings: ProxySettings): string {
  const backends = backendsOf(settings.routes, settings.evidencePort !== undefined);
  const sections = [
    globalSection(settings, backends),
    tcpDefaults(settings),
    ...httpDefaults(settings, backends),
    publicFrontend(settings, backends),
    handshakeFrontend(settings),
    ...evidenceBackend(settings),
    ...backends.map((backend) => backendSection(backend, settings)),
  ];
  return sections
    .map((lines) => lines.map((line, index) => (index === 0 ? line : `  ${line}`)).join('\n'))
    .join('\n\n')
    .concat('\n');
}

function globalSection(
  { maxconn, paths, privileges, drainMs, threads }: ProxySettings,
  backends: readonly Backend[],
): string[] {
  return [
    'global',
    // `short` prefixes each line with its severity; `raw` does not.
    `log stdout len ${LOG_LINE_BYTES} format short daemon`,
    `stats socket ${checkedPath(paths.socket)} mode 600 level admin`,
    `maxconn ${globalMaxconn(maxconn, backends) + RESERVED_CONNECTIONS}`,
    // With a low `ulimit -n`, start with fewer connections instead of failing.
    'no strict-limits',
    `hard-stop-after ${integer('drainMs', drainMs, 1, MAX_DRAIN_MS)}ms`,
    ...(threads === undefined ? [] : [`nbthread ${integer('threads', threads, 1, MAX_THREADS)}`]),
    ...(privileges === undefined ? [] : dropPrivileges(privileges)),
    ...sessionCacheSettings(backends),
    ...bufferSettings,
    ...h2WindowSettings,
    // Do not offer WebSockets over HTTP/2 (RFC 8441). A browser would open one for another name of
    // the certificate on its existing connection, get a 421 and give up. Without the offer it opens
    // a new connection with the right SNI.
    'h2-workaround-bogus-websocket-clients',
    ...tlsSettings,
  ];
}

function dropPrivileges({ user, group, chroot }: Privileges): string[] {
  const changeRoot = chroot === undefined ? [] : [`chroot ${checkedPath(chroot)}`];
  return [`user ${account(user)}`, `group ${account(group)}`, ...changeRoot];
}

function tcpDefaults({ timeouts }: ProxySettings): string[] {
  const client = timeout('client', timeouts.client);
  return [
    'defaults tcp',
    'mode tcp',
    // HAProxy 3.4 enables it by default, for handshakes and for requests.
    'no option abortonclose',
    'log global',
    'option dontlog-normal',
    'retries 3',
    `timeout connect ${timeout('connect', timeouts.connect)}ms`,
    `timeout client ${client}ms`,
    `timeout server ${timeout('server', timeouts.server)}ms`,
    `timeout http-request ${Math.min(REQUEST_TIMEOUT_MS, client)}ms`,
    `timeout http-keep-alive ${client}ms`,
    // Before 2.9, `timeout client` (by default a day) also applies to a client that never completes
    // its handshake.
    '.if version_atleast(2.9)',
    `timeout client-hs ${Math.min(HANDSHAKE_TIMEOUT_MS, client)}ms`,
    '.endif',
    // From 3.3 on HAProxy sends the Host field as SNI to a server at an IP address, which may have
    // no certificate for it.
    '.if version_atleast(3.3)',
    'default-server no-sni-auto',
    '.endif',
  ];
}

/** One `defaults` section for each kind of HTTP backend that is used. */
function httpDefaults(settings: ProxySettings, backends: readonly Backend[]): string[][] {
  const { evidencePort } = settings;
  const base = (name: Backend['kind']) => [
    `defaults ${name} from tcp`,
    'mode http',
    // Otherwise HAProxy tells the kernel that more of a body will follow, and the kernel delays
    // small pieces for up to 200 ms.
    'option http-no-delay',
    ...errorPages,
    ...headerLimitRules,
    ...noH2cRules,
    asciiUrlRule,
  ];
  const some = (kind: Backend['kind']) => backends.some((backend) => backend.kind === kind);
  const plain = some('plain-http') || evidencePort !== undefined;
  return [
    ...(plain ? [base('plain-http')] : []),
    ...(some('http') ? [[...base('http'), ...requestRules(settings), ...tlsRequiredRules]] : []),
  ];
}

function publicFrontend(settings: ProxySettings, backends: readonly Backend[]): string[] {
  const { maxconn, evidencePort } = settings;
  const some = (kind: Backend['kind']) => backends.some((backend) => backend.kind === kind);
  const negotiatedHttp = '{ ssl_fc_alpn h2 http/1.1 }';
  /** The conditions under which a connection is handled as HTTP. */
  const isHttp = [
    ...(some('http') ? [some('tcp') ? `!${IS_TCP_TARGET}` : 'TRUE'] : []),
    ...(some('plain-http') ? [negotiatedHttp] : []),
  ];
  const toEvidence = isHttp.map(
    (term) =>
      `use_backend ${EVIDENCE_BACKEND} if ${term} { path_beg /evidences } { path -m reg ^/evidences(/|$) }`,
  );
  return [
    `frontend ${PUBLIC_FRONTEND} from tcp`,
    bindLine(settings),
    `log-format ${LOG_FORMAT}`,
    // Without it HAProxy logs failed handshakes in its own format.
    `error-log-format ${ERROR_LOG_FORMAT}`,
    `maxconn ${checkedMaxconn(maxconn)}`,
    'tcp-request session set-var(sess.name) ssl_fc_sni,lower',
    ...routeLookupRules('tcp-request session', 'sess', settings),
    'tcp-request session reject if !{ var(sess.route) -m found }',
    ...(isHttp.length === 0
      ? []
      : [noPageOnTimeout, `tcp-request content switch-mode http if ${isHttp.join(' || ')}`]),
    // Under the same conditions, so that HAProxy never looks for a path in the bytes of a TCP
    // connection.
    ...(evidencePort === undefined ? [] : toEvidence),
    ...useBackendRules(backends),
  ];
}

/**
 * One socket for each address family: a single one for both would show IPv4 clients as
 * `::ffff:192.0.2.1`, and fail where there is no IPv6. Both are on one line, and so share
 * certificates and sessions.
 */
function bindLine({ port, ipv6, acceptProxy, paths }: ProxySettings): string {
  const checkedPort = portWord('port', port);
  return [
    `bind ipv4@:${checkedPort}${ipv6 ? `,ipv6@:${checkedPort} v6only` : ''}`,
    ...(acceptProxy ? ['accept-proxy'] : []),
    `ssl crt-list ${checkedPath(paths.crtList)} strict-sni`,
  ].join(' ');
}

/**
 * For handshakes of the control plane: the same certificates, available even when MAXCONN is
 * reached. It forwards nothing.
 */
function handshakeFrontend({ paths }: ProxySettings): string[] {
  return [
    'frontend own from tcp',
    'no log',
    `bind ${checkedPath(paths.handshakeSocket)} mode 600 ssl crt-list ${checkedPath(paths.crtList)} strict-sni`,
    `maxconn ${RESERVED_CONNECTIONS}`,
    'tcp-request session reject',
  ];
}

function evidenceBackend({ evidencePort }: ProxySettings): string[][] {
  if (evidencePort === undefined) return [];
  return [
    [
      `backend ${EVIDENCE_BACKEND} from plain-http`,
      // The evidence server needs no cookies, and accepts a header of 16 kB.
      'http-request del-header cookie',
      // It has few connections, so a request gets one only when it is complete.
      `http-request return ${errorPage(413)} if { req.body_size gt 0 }`,
      `http-request wait-for-body time ${EVIDENCE_TIMEOUT_MS}ms`,
      `http-request return ${errorPage(413)} if { req.body_len gt 0 }`,
      `timeout server ${EVIDENCE_TIMEOUT_MS}ms`,
      `server ${MAIN_SERVER} 127.0.0.1:${portWord('evidence port', evidencePort)} maxconn ${EVIDENCE_CONNECTIONS}`,
    ],
  ];
}

/**
 * TCP connections are limited by the frontend. HTTP backends have a limit too, since an HTTP/2
 * client can have 100 open requests.
 */
function backendSection(backend: Backend, settings: ProxySettings): string[] {
  const { name, kind, speaks, exclusiveConnections } = backend;
  // With a PROXY header the kernel does not know the client's address, so endAbandonedRequests
  // cannot tell which clients are gone.
  const abortOnClose = backend.abortOnClose || settings.acceptProxy;
  if (kind === 'tcp') return [`backend ${name} from ${kind}`, ...serverLines(backend, settings, undefined)];
  return [
    `backend ${name} from ${kind}`,
    ...(exclusiveConnections && speaks === 'http/1.1' ? ['option http-server-close'] : []),
    ...(abortOnClose ? ['option abortonclose'] : []),
    ...(kind === 'http' && speaks === 'h2' ? grpcErrorPages : []),
    ...serverLines(backend, settings, checkedMaxconn(settings.maxconn)),
  ];
}
