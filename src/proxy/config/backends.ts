import { isIP } from 'node:net'; // parses text, nothing else
import { SLOTS } from '../upstream/server-plan.ts';
import { type OfferedTarget, type Route, type Target, targetsOf } from './routes.ts';
import { LONGEST_FILE_PATH, plainHost, plainPath, port } from './syntax.ts';

/** How the servers of the apps are spoken to, beside what each target says. */
export interface ServerOptions {
  /** The version of the PROXY header that each connection to the app begins with. */
  readonly sendProxy: 'off' | 'v1' | 'v2';
  /** For apps that want TLS. */
  readonly appTls: {
    /** Whether their certificate has to be valid and theirs. */
    readonly verify: boolean;
    /** PEM file with the authorities to trust. Default: those of the system. */
    readonly caFile?: string;
  };
}

/** A backend of HAProxy: a target, as one kind of client reaches it. */
export interface Backend {
  readonly name: string;
  readonly target: Target;
  /** What tells the backends of one target apart. */
  readonly suffix: '' | HttpSuffix | `${HttpSuffix}${typeof ONCE_SUFFIX}`;
  /**
   * `bytes` forwards them as they come; `http` forwards requests and tells the app who asked; `plain-http` forwards requests
   * and adds nothing, for clients of a TCP target that say they speak HTTP.
   */
  readonly kind: 'bytes' | 'http' | 'plain-http';
  /** The version of HTTP that requests are forwarded in. */
  readonly speaks: 'http/1.1' | 'h2' | undefined;
  /**
   * Whether each request has a connection of its own. When the app breaks off at a request on a connection that was used before, HAProxy
   * lets the client believe that nothing of it was processed, and clients send it again (RFC 9113 §8.7, RFC 9112 §9.3.1).
   */
  readonly once: boolean;
  /**
   * Whether a request is given up as soon as its client closes its side. Clients of HTTP/1.1 do that too that wait for the answer (RFC
   * 9112 §9.6), and HAProxy cannot tell them from those that are gone; in HTTP/2 only who is gone does it.
   */
  readonly abortOnClose: boolean;
}

/** Of clients that negotiated a version of HTTP. */
const HTTP_SUFFIX = { 'http/1.1': '.h1', h2: '.h2' } as const;
type HttpSuffix = (typeof HTTP_SUFFIX)[keyof typeof HTTP_SUFFIX];

/** Of requests that have to be sent once, where others share connections. */
export const ONCE_SUFFIX = '.once';

/** The target of a backend, by the name of the backend. */
export function targetOf(backend: string): string {
  return backend.replace(/(\.h[12])?(\.once)?$/, '');
}

/** Whether a backend takes requests of clients of HTTP/1.1. */
export function isOfHttp1(backend: string): boolean {
  return /\.h1(\.once)?$/.test(backend);
}

/** The first server of each backend, as the runtime socket calls it. */
export const SERVER = 'app';

/** The server of a slot, the first of which is 0: see ServerPlan. */
export function slotName(slot: number): string {
  return `${SERVER}${slot + 1}`;
}

/** The backends that some routes need. With `evidence`, TCP targets have some for clients that speak HTTP, too. */
export function backendsOf(routes: readonly Route[], evidence: boolean): readonly Backend[] {
  return [...targetsOf(routes)].flatMap(([name, target]) => backendsOfTarget(name, target, evidence));
}

function backendsOfTarget(name: string, target: OfferedTarget, evidence: boolean): Backend[] {
  const { speaks, alpn } = target;
  const versions = ['http/1.1', 'h2'] as const;
  switch (speaks) {
    case 'h2':
      // gRPC mostly, where every request is a POST, and every client speaks HTTP/2.
      return [{ ...{ name, target, speaks }, suffix: '', kind: 'http', once: true, abortOnClose: true }];
    case 'http/1.1':
      return versions.flatMap((version) => ofRequests(name, version, { target, speaks, kind: 'http' }));
    case 'tcp':
      return [
        {
          ...{ name, target },
          ...({ suffix: '', kind: 'bytes', speaks: undefined, once: true, abortOnClose: false } as const),
        },
        ...versions
          .filter((version) => evidence && alpn.has(version))
          .flatMap((version) => ofRequests(name, version, { target, speaks: version, kind: 'plain-http' })),
      ];
  }
}

/** For clients of a version of HTTP; of HTTP/1.1 are those too that negotiated nothing. */
function ofRequests(
  target: string,
  version: keyof typeof HTTP_SUFFIX,
  common: Pick<Backend, 'target' | 'speaks' | 'kind'>,
): Backend[] {
  const of = (suffix: Backend['suffix'], once: boolean): Backend => {
    return { ...common, name: `${target}${suffix}`, suffix, once, abortOnClose: version === 'h2' };
  };
  const suffix = HTTP_SUFFIX[version];
  if (common.speaks === 'h2') return [of(suffix, true)];
  return [of(`${suffix}${ONCE_SUFFIX}`, true), of(suffix, false)];
}

/**
 * The servers of a backend. Where the target is named it has slots, which are empty: HAProxy takes one out when a connection to it
 * fails. It does so only for servers that it checks; the control plane stops its checks before a slot is used. All that comes is
 * handed to the server with the fewest connections, since some last for days; the first server, which leads where one of the slots
 * does, counts for less than all others.
 */
export function servers(backend: Backend, options: ServerOptions, maxconn: number | undefined): string[] {
  const { target } = backend;
  const words = [server(backend, options), ...(maxconn === undefined ? [] : [`maxconn ${maxconn}`])].join(
    ' ',
  );
  if (isIP(plainHost(target.host)) !== 0) return [`server ${SERVER} ${words}`];
  return [
    'balance leastconn',
    // A connection that failed is tried elsewhere at once; where there is one server only, after a second.
    'option redispatch 1',
    `server ${SERVER} ${words} weight 1`,
    `server-template ${SERVER} ${SLOTS} ${words} weight 256 check observe layer4 error-limit 1 on-error mark-down`,
  ];
}

/** The words of a `server` line that follow its name. */
function server({ target, speaks, once }: Backend, options: ServerOptions): string {
  return [
    address(target),
    ...(options.sendProxy === 'off' ? [] : [PROXY_HEADER[options.sendProxy]]),
    ...(target.tls ? tls(target, speaks, options.appTls) : []),
    ...(speaks === 'h2' ? ['proto h2'] : []),
    ...(speaks === 'h2' && once ? ['max-reuse 0'] : []),
  ].join(' ');
}

const PROXY_HEADER = { v1: 'send-proxy', v2: 'send-proxy-v2' } as const;

/**
 * A name is resolved by the control plane, which sets the address and enables the server. The placeholder is not
 * 0.0.0.0, because to HAProxy that means the address the client connected to.
 */
function address({ host, port: number }: Target): string {
  const checkedPort = port('target port', number);
  switch (isIP(plainHost(host))) {
    case 4:
      return `ipv4@${host}:${checkedPort}`;
    case 6:
      return `ipv6@[${host}]:${checkedPort}`;
    default:
      return '127.0.0.1:1 disabled';
  }
}

function tls(
  { host }: Target,
  speaks: Backend['speaks'],
  { verify, caFile }: ServerOptions['appTls'],
): string[] {
  const named = isIP(host) === 0;
  const trust = `ca-file ${caFile === undefined ? '@system-ca' : plainPath(caFile, LONGEST_FILE_PATH)}`;
  return [
    'ssl',
    ...(verify ? ['verify required', trust] : ['verify none']),
    ...(named ? [`sni str(${host})`] : []),
    ...(named && verify ? [`verifyhost ${host}`] : []),
    ...(speaks === undefined ? [] : [`alpn ${speaks}`]),
  ];
}
