import { Agent as PlainAgent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { messageOf } from '../errors.ts';
import { bypassesProxy } from './no-proxy.ts';

/** Milliseconds that a proxy may take to open a tunnel, and for which an idle one is kept. */
const TUNNEL_MS = 15_000;

/** A proxy for HTTPS requests, by CONNECT (RFC 9110 §9.3.6). */
export interface HttpsProxy {
  /** With the credentials, if the proxy requires some. */
  readonly url: string;
  /** `host:port`, for messages. */
  readonly host: string;
  /** Hosts that are reached directly, in the syntax of NO_PROXY that Node.js reads. */
  readonly noProxy: string;
}

/** What is wrong with the proxy, or between the proxy and the host. */
export type ProxyTroubleKind =
  /** It rejects the credentials, or requires some. */
  | 'proxy-credentials-rejected'
  | 'proxy-forbids-host'
  /** It could not resolve or reach the host. */
  | 'proxy-cannot-reach-host'
  /** It does not answer CONNECT as a proxy does. */
  | 'not-a-proxy'
  | 'proxy-unreachable'
  /** HTTPS_PROXY says TLS, and the proxy speaks plain HTTP. */
  | 'proxy-without-tls'
  /** HTTPS_PROXY says TLS, and the connection ended without an answer. */
  | 'proxy-silent-over-tls'
  /** An unknown authority signed the certificate of the host: the proxy may intercept TLS. */
  | 'proxy-intercepts-tls'
  | 'proxy-timeout';

/** What the failure of a request says about the proxy. */
export interface ProxyTrouble {
  readonly kind: ProxyTroubleKind;
  /** `host:port` of the proxy. */
  readonly proxy: string;
  /** The HTTP status by which the proxy refused the tunnel. */
  readonly status?: number;
  /** Replaces the HTTP client's own message. */
  readonly problem: string;
  readonly hint: string;
}

/** The connections of all of the control plane's HTTP requests, and of nothing else. */
export interface Outgoing {
  readonly httpAgent: PlainAgent;
  readonly httpsAgent: TlsAgent;
  /**
   * `url` is the URL whose request failed. Undefined if the failure has nothing to do with a proxy.
   */
  trouble(thrown: unknown, url: string): ProxyTrouble | undefined;
}

/**
 * Makes the agents. Requests by plain HTTP and on Unix sockets never go through the proxy. Node's
 * global agents stay as they are: requests to the host or the app use those, or none.
 */
export function createOutgoing(proxy?: HttpsProxy): Outgoing {
  // Like Node's global agents.
  const options = { keepAlive: true, scheduling: 'lifo', timeout: 5000 } as const;
  const through = proxy && {
    proxyEnv: { HTTPS_PROXY: proxy.url, NO_PROXY: proxy.noProxy },
    timeout: TUNNEL_MS,
  };
  // acme-client's axios takes a proxy from the environment unless the agent has a proxyEnv; axios'
  // `proxy: false` would override ours.
  const none = { proxyEnv: {} };
  return {
    httpAgent: new PlainAgent({ ...options, ...none }),
    httpsAgent: new TlsAgent({ ...options, ...(through ?? none) }),
    trouble: (thrown, url) =>
      proxy === undefined || bypassesProxy(url, proxy.noProxy) ? undefined : proxyTrouble(thrown, proxy),
  };
}

const UNTRUSTED =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY)\w*)$/;

const TLS_TO_PROXY =
  'Set HTTPS_PROXY to http:// unless the proxy itself speaks TLS. https:// means TLS between this container and the proxy; most proxies are http://, also for HTTPS.';
const TLS_UNANSWERED = `${TLS_TO_PROXY} If the proxy does speak TLS, check that it runs, can be reached from this container and allows CONNECT.`;

function proxyTrouble(thrown: unknown, proxy: HttpsProxy): ProxyTrouble | undefined {
  const failures = chainOf(thrown);
  const refusal = failures.find(({ code }) => code === 'ERR_PROXY_TUNNEL');
  if (refusal) return refused(refusal, proxy);
  const { host } = proxy;
  const lost = failures.find((failure) => isOfConnection(failure, proxy));
  if (lost) {
    const isSilent = lost.code === 'ECONNRESET' && isByTls(proxy);
    return {
      kind: isSilent ? 'proxy-silent-over-tls' : 'proxy-unreachable',
      proxy: host,
      problem: `${nameOf(proxy)} cannot be reached: ${lost.words}`,
      hint: isSilent
        ? TLS_UNANSWERED
        : 'Check HTTPS_PROXY, and that the proxy runs and can be reached from this container.',
    };
  }
  const strange = failures.find(({ code }) => code === 'EPROTO' || code.startsWith('ERR_SSL_'));
  if (strange && isByTls(proxy))
    return {
      kind: 'proxy-without-tls',
      proxy: host,
      problem: `${strange.words}; HTTPS_PROXY is https://${host}`,
      hint: TLS_TO_PROXY,
    };
  const untrusted = failures.find(({ code }) => UNTRUSTED.test(code));
  if (untrusted)
    return {
      kind: 'proxy-intercepts-tls',
      proxy: host,
      problem: `${untrusted.words}; HTTPS_PROXY is ${host}`,
      hint: 'Set NODE_EXTRA_CA_CERTS to a PEM file with the certificate authority of the proxy, if the proxy intercepts TLS.',
    };
  const late = failures.find(({ name }) => name === 'TimeoutError');
  return (
    late && {
      kind: 'proxy-timeout',
      proxy: host,
      problem: `${late.words}; HTTPS_PROXY is ${host}`,
      hint: 'Check that the proxy answers and allows this container; NO_PROXY lists hosts that are reached without it.',
    }
  );
}

function nameOf({ host }: HttpsProxy): string {
  return `the proxy ${host} (HTTPS_PROXY)`;
}

/** The proxy opened no tunnel. Without a status it did not answer CONNECT in HTTP. */
function refused({ statusCode, words }: Failure, proxy: HttpsProxy): ProxyTrouble {
  const { kind, hint } = adviceOnRefusal(statusCode, proxy);
  const what =
    kind === 'proxy-credentials-rejected'
      ? 'does not accept the credentials, or requires some'
      : 'opens no tunnel';
  return {
    ...{ kind, proxy: proxy.host, hint },
    ...(typeof statusCode === 'number' ? { status: statusCode } : {}),
    problem: `${nameOf(proxy)} ${what}: ${words}`,
  };
}

function adviceOnRefusal(status: unknown, proxy: HttpsProxy): Pick<ProxyTrouble, 'kind' | 'hint'> {
  const directly = 'add the host to NO_PROXY if it can be reached directly';
  // tinyproxy answers 401 to wrong credentials.
  if (status === 407 || status === 401)
    return {
      kind: 'proxy-credentials-rejected',
      hint: `Set HTTPS_PROXY with the user and password that the proxy requires: http://user:password@${proxy.host}.`,
    };
  if (typeof status !== 'number')
    return isByTls(proxy)
      ? { kind: 'proxy-silent-over-tls', hint: TLS_UNANSWERED }
      : { kind: 'not-a-proxy', hint: 'Check that HTTPS_PROXY names an HTTP proxy that allows CONNECT.' };
  return status >= 500
    ? {
        kind: 'proxy-cannot-reach-host',
        hint: `Check the URL, and that the proxy's own network and DNS can reach that host; or ${directly}.`,
      }
    : {
        kind: 'proxy-forbids-host',
        hint: `Configure the proxy to allow CONNECT to that host and port, or ${directly}.`,
      };
}

function isByTls({ url }: HttpsProxy): boolean {
  return /^https:/i.test(url);
}

interface Failure {
  readonly name: string;
  readonly code: string;
  readonly words: string;
  readonly statusCode: unknown;
  readonly hostname: unknown;
  readonly port: unknown;
}

/** A failure, its causes, and one failure for each address that was tried. */
function chainOf(thrown: unknown): Failure[] {
  const { name, code, statusCode, hostname, port, cause, errors } = Object(thrown);
  const own: Failure = {
    name: typeof name === 'string' ? name : '',
    code: typeof code === 'string' ? code : '',
    words: messageOf(thrown).replaceAll(/\s+/g, ' ').trim(),
    statusCode,
    hostname,
    port,
  };
  const beneath = [...(Array.isArray(errors) ? errors : []), ...(cause === undefined ? [] : [cause])];
  return [own, ...beneath.flatMap(chainOf)];
}

/**
 * Whether the connection to the proxy failed: hosts behind the proxy are neither looked up nor
 * connected to from here.
 */
function isOfConnection({ code, hostname, port }: Failure, { host }: HttpsProxy): boolean {
  const url = new URL(`http://${host}`);
  const isLookUp = (code === 'ENOTFOUND' || code === 'EAI_AGAIN') && hostname === bare(url.hostname);
  return isLookUp || (/^E[A-Z]+$/.test(code) && port === Number(url.port || 80));
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
