import { type ProxyRoute, type Target, type TargetWithAlpn, targetsOf } from './routes.ts';

/** An HAProxy backend: one target, for one kind of client. */
export interface Backend {
  readonly name: string;
  readonly target: Target;
  /** Distinguishes the backends of one target. */
  readonly suffix: '' | HttpSuffix | `${HttpSuffix}${typeof EXCLUSIVE_SUFFIX}`;
  /**
   * The `defaults` section it inherits from. `tcp` forwards bytes. `http` forwards requests and
   * adds the X-Forwarded fields. `plain-http` forwards requests unchanged, for clients of a TCP
   * target that negotiated HTTP.
   */
  readonly kind: 'tcp' | 'http' | 'plain-http';
  /** The HTTP version of forwarded requests; undefined for `tcp`. */
  readonly speaks: 'http/1.1' | 'h2' | undefined;
  /**
   * Whether each request gets a connection of its own to the app. If the app closes a reused
   * connection instead of answering, HAProxy tells the client that the request was not processed,
   * and clients send it again (RFC 9113 §8.7, RFC 9112 §9.3.1).
   */
  readonly exclusiveConnections: boolean;
  /**
   * HAProxy's `option abortonclose`: abort a request as soon as its client closes its side. An
   * HTTP/1.1 client may close its side and still wait for the response (RFC 9112 §9.6), and HAProxy
   * cannot distinguish it from one that is gone. In HTTP/2 only a client that is gone does this.
   */
  readonly abortOnClose: boolean;
}

/** The suffix of a backend for clients of one HTTP version. */
const HTTP_SUFFIX = { 'http/1.1': '.h1', h2: '.h2' } as const;
type HttpSuffix = (typeof HTTP_SUFFIX)[keyof typeof HTTP_SUFFIX];

/**
 * The suffix of a backend for requests that must not be sent twice, if other requests to the target
 * reuse connections.
 */
const EXCLUSIVE_SUFFIX = '.once';

/** The name of the target that a backend belongs to (see targetName), from the backend's name. */
export function targetOfBackend(backend: string): string {
  return backend.replace(/(\.h[12])?(\.once)?$/, '');
}

/** Whether the backend with this name takes requests from HTTP/1.1 clients. */
export function servesHttp1Clients(backend: string): boolean {
  return /\.h1(\.once)?$/.test(backend);
}

/**
 * The backends for some routes. With `evidence`, TCP targets also get backends for clients that
 * negotiated HTTP.
 */
export function backendsOf(routes: readonly ProxyRoute[], evidence: boolean): readonly Backend[] {
  return [...targetsOf(routes)].flatMap(([name, target]) => backendsOfTarget(name, target, evidence));
}

function backendsOfTarget(name: string, target: TargetWithAlpn, evidence: boolean): Backend[] {
  const { speaks, alpn } = target;
  const versions = ['http/1.1', 'h2'] as const;
  switch (speaks) {
    case 'h2':
      // Mostly gRPC, where every request is a POST and every client speaks HTTP/2.
      return [
        {
          ...{ name, target, speaks },
          ...({ suffix: '', kind: 'http', exclusiveConnections: true, abortOnClose: true } as const),
        },
      ];
    case 'http/1.1':
      return versions.flatMap((version) => httpBackends(name, version, { target, speaks, kind: 'http' }));
    case 'tcp':
      return [
        {
          ...{ name, target },
          ...({ suffix: '', kind: 'tcp', speaks: undefined } as const),
          ...{ exclusiveConnections: true, abortOnClose: false },
        },
        ...versions
          .filter((version) => evidence && alpn.has(version))
          .flatMap((version) => httpBackends(name, version, { target, speaks: version, kind: 'plain-http' })),
      ];
  }
}

/**
 * The backends for clients of one HTTP version. Clients that negotiated no protocol count as
 * HTTP/1.1.
 */
function httpBackends(
  target: string,
  version: keyof typeof HTTP_SUFFIX,
  common: Pick<Backend, 'target' | 'speaks' | 'kind'>,
): Backend[] {
  const backend = (suffix: Backend['suffix'], exclusiveConnections: boolean): Backend => {
    const name = `${target}${suffix}`;
    return { ...common, name, suffix, exclusiveConnections, abortOnClose: version === 'h2' };
  };
  const suffix = HTTP_SUFFIX[version];
  if (common.speaks === 'h2') return [backend(suffix, true)];
  return [backend(`${suffix}${EXCLUSIVE_SUFFIX}`, true), backend(suffix, false)];
}

/**
 * True for a request whose method is not safe (RFC 9110 §9.2.1): it must not be sent to the app
 * twice.
 */
const IS_UNSAFE_METHOD = '!{ method GET HEAD OPTIONS TRACE }';
/** True for connections whose target is forwarded as bytes. */
export const IS_TCP_TARGET = '{ var(sess.route) -m beg tcp: tls: }';
const IS_HTTP_TARGET = '{ var(sess.route) -m beg http: https: }';

/**
 * The `use_backend` rules that choose among the backends of a target. The first matching rule wins.
 */
export function useBackendRules(backends: readonly Backend[]): string[] {
  const rule = ({ kind, suffix }: Backend) => {
    const isTarget = kind === 'http' ? IS_HTTP_TARGET : IS_TCP_TARGET;
    const h2 = suffix.startsWith('.h2');
    const isClient =
      kind === 'plain-http' && !h2 ? '{ ssl_fc_alpn http/1.1 }' : `${h2 ? '' : '!'}{ ssl_fc_alpn h2 }`;
    const conditions = [isClient, isTarget, ...(suffix.endsWith(EXCLUSIVE_SUFFIX) ? [IS_UNSAFE_METHOD] : [])];
    return `use_backend %[var(sess.route)]${suffix} if ${conditions.join(' ')}`;
  };
  const rules = backends.filter(({ suffix }) => suffix !== '').map(rule);
  return [...new Set(rules), 'use_backend %[var(sess.route)]'];
}
