import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { query } from './dns/dns-client.ts';

export interface HttpsOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /**
   * The ALPN protocols offered in the handshake; browsers offer `h2` and `http/1.1`. Default: none.
   */
  readonly alpn?: readonly string[];
  /** The source address. */
  readonly localAddress?: string;
  /** Milliseconds for the complete request. Default: 5 s. */
  readonly timeoutMs?: number;
}

export interface HttpsAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The verified certificate of the server, with its chain. */
  readonly certificate: DetailedPeerCertificate;
}

/**
 * Works like a browser: resolves the host name, connects to port 443 with it as server name,
 * verifies the certificate against `roots` (PEM), and requests the path over HTTP/1.1. Rejects if
 * any of that fails.
 */
export async function requestHttps(
  resolver: string,
  roots: readonly string[],
  hostname: string,
  path: string,
  options: HttpsOptions = {},
): Promise<HttpsAnswer> {
  return requestHttpsAt(
    { host: await addressOf(resolver, hostname), port: 443 },
    roots,
    hostname,
    path,
    options,
  );
}

/** The same for a host name with a known address, like `curl --resolve`. */
export async function requestHttpsAt(
  { host, port }: { readonly host: string; readonly port: number },
  roots: readonly string[],
  hostname: string,
  path: string,
  { method = 'GET', headers = {}, body, alpn = [], localAddress, timeoutMs = 5000 }: HttpsOptions = {},
): Promise<HttpsAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpsAnswer>();
  const sent = request({
    host,
    port,
    path,
    method,
    headers: { Host: hostname, ...headers },
    servername: hostname,
    ca: [...roots],
    agent: false,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  sent.on('error', reject);
  sent.on('response', async (response) => {
    try {
      // node:https sets a TLSSocket on its own requests; the type is that of node:http.
      const certificate = (response.socket as TLSSocket).getPeerCertificate(true);
      const text = (await response.setEncoding('utf8').toArray()).join('');
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, certificate });
    } catch (thrown) {
      reject(thrown);
    }
  });
  sent.end(body);
  return promise;
}

async function addressOf(resolver: string, hostname: string): Promise<string> {
  const { rcode, answers } = await query(resolver, hostname, 'A');
  for (const answer of answers) if (answer.type === 'A') return answer.data;
  throw new Error(`${hostname} has no address (${rcode})`);
}
