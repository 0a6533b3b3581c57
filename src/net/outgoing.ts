import { Agent as PlainAgent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { messageOf } from '../errors.ts';
import { bypassesProxy } from './no-proxy.ts';

/** Milliseconds that a proxy may take to open a tunnel, and that an idle one is kept. */
const TUNNEL_MS = 15_000;

/** A proxy that HTTPS goes out through, by CONNECT (RFC 9110 §9.3.6). */
export interface HttpsProxy {
  /** With the credentials, where it wants some. */
  readonly url: string;
  /** `host:port`, for messages. */
  readonly host: string;
  /** Hosts that are asked without it, as Node.js reads NO_PROXY. */
  readonly noProxy: string;
}

/** What a request that got no answer says of the proxy. */
export interface ProxyTrouble {
  /** In the place of the HTTP client's own words. */
  readonly problem: string;
  readonly hint: string;
}

/** How the control plane's HTTP requests leave the container: all of them, and nothing else. */
export interface Outgoing {
  readonly httpAgent: PlainAgent;
  readonly httpsAgent: TlsAgent;
  /** `url` is what was asked when it failed. Undefined where that has nothing to do with a proxy. */
  trouble(thrown: unknown, url: string): ProxyTrouble | undefined;
}

/**
 * Makes the agents. Requests on plain HTTP and on Unix sockets never go through the proxy. Node's own global agents are left
 * alone: what is meant for the host or the app uses those, or none.
 */
export function createOutgoing(proxy?: HttpsProxy): Outgoing {
  // As Node's global agents have it.
  const options = { keepAlive: true, scheduling: 'lifo', timeout: 5000 } as const;
  const through = proxy && {
    proxyEnv: { HTTPS_PROXY: proxy.url, NO_PROXY: proxy.noProxy },
    timeout: TUNNEL_MS,
  };
  // axios looks for proxies in the environment by itself unless the agent has a proxyEnv; its `proxy: false` would undo ours.
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
  'https:// in HTTPS_PROXY asks for TLS between this container and the proxy; most proxies are http://, for HTTPS as well.';
const TLS_UNANSWERED = `${TLS_TO_PROXY} If this one does speak TLS, check that it runs, can be reached from this container and allows CONNECT.`;

function proxyTrouble(thrown: unknown, proxy: HttpsProxy): ProxyTrouble | undefined {
  const failures = chainOf(thrown);
  const refusal = failures.find(({ code }) => code === 'ERR_PROXY_TUNNEL');
  if (refusal) return refused(refusal, proxy);
  const own = `the proxy ${proxy.host} (HTTPS_PROXY)`;
  const lost = failures.find((failure) => isOfConnection(failure, proxy));
  if (lost) {
    const hint =
      lost.code === 'ECONNRESET' && isByTls(proxy)
        ? TLS_UNANSWERED
        : 'Check HTTPS_PROXY, and that the proxy runs and can be reached from this container.';
    return { problem: `${own} cannot be reached: ${lost.words}`, hint };
  }
  const strange = failures.find(({ code }) => code === 'EPROTO' || code.startsWith('ERR_SSL_'));
  if (strange && isByTls(proxy))
    return { problem: `${strange.words}; HTTPS_PROXY is https://${proxy.host}`, hint: TLS_TO_PROXY };
  const untrusted = failures.find(({ code }) => UNTRUSTED.test(code));
  if (untrusted) {
    const hint =
      'Where the proxy of HTTPS_PROXY opens TLS, set NODE_EXTRA_CA_CERTS to a PEM file with its certificate authority.';
    return { problem: `${untrusted.words}; HTTPS_PROXY is ${proxy.host}`, hint };
  }
  const late = failures.find(({ name }) => name === 'TimeoutError');
  if (!late) return undefined;
  const hint =
    'Check that the proxy answers and lets this container out; NO_PROXY names what is asked without it.';
  return { problem: `${late.words}; HTTPS_PROXY is ${proxy.host}`, hint };
}

function refused({ statusCode, words }: Failure, proxy: HttpsProxy): ProxyTrouble {
  const own = `the proxy ${proxy.host} (HTTPS_PROXY)`;
  // 401 is what tinyproxy says to wrong ones.
  if (statusCode === 407 || statusCode === 401) {
    const hint = `Set HTTPS_PROXY with the user and the password that the proxy wants: http://user:password@${proxy.host}.`;
    return { problem: `${own} does not accept the credentials, or wants some: ${words}`, hint };
  }
  return { problem: `${own} opens no tunnel: ${words}`, hint: adviseOnRefusal(statusCode, proxy) };
}

function adviseOnRefusal(statusCode: unknown, proxy: HttpsProxy): string {
  const directly = 'name the host in NO_PROXY where it can be reached directly';
  if (typeof statusCode !== 'number')
    return isByTls(proxy)
      ? TLS_UNANSWERED
      : 'Check that HTTPS_PROXY names an HTTP proxy that allows CONNECT.';
  return statusCode >= 500
    ? `The proxy could not find or reach that host: check the URL, and that its own network and DNS let the proxy out; or ${directly}.`
    : `Let the proxy allow CONNECT to that host and port, or ${directly}.`;
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

/** A failure, what caused it, and one for each address that was tried. */
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

/** The names of hosts behind the proxy are not looked up here, and their ports are not connected to. */
function isOfConnection({ code, hostname, port }: Failure, { host }: HttpsProxy): boolean {
  const url = new URL(`http://${host}`);
  const isLookUp = (code === 'ENOTFOUND' || code === 'EAI_AGAIN') && hostname === bare(url.hostname);
  return isLookUp || (/^E[A-Z]+$/.test(code) && port === Number(url.port || 80));
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
