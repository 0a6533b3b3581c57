import { BodyError } from '../../src/net/http.ts';
import { createOutgoing } from '../../src/net/outgoing.ts';
import type { WordingRow } from './row.ts';

const failure = (code: string, more = {}) => Object.assign(new Error('its words'), { code, ...more });
const proxyAt = (scheme: string) =>
  createOutgoing({ url: `${scheme}://proxy.example:3128/`, host: 'proxy.example:3128', noProxy: '' });

/** Message and hint of a request that fails because of the proxy. */
function trouble(thrown: unknown, scheme = 'http'): string {
  const found = proxyAt(scheme).trouble(thrown, 'https://ca.example/');
  return found ? `${found.problem} -> ${found.hint}` : 'nothing';
}

export const rows: readonly WordingRow[] = [
  {
    when: 'the proxy wants credentials',
    say: () => trouble(failure('ERR_PROXY_TUNNEL', { statusCode: 407 })),
    message:
      'the proxy proxy.example:3128 (HTTPS_PROXY) does not accept the credentials, or requires some: its words -> Set HTTPS_PROXY with the user and password that the proxy requires: http://user:password@proxy.example:3128.',
  },
  {
    when: 'the proxy forbids the host',
    say: () => trouble(failure('ERR_PROXY_TUNNEL', { statusCode: 403 })),
    message:
      'the proxy proxy.example:3128 (HTTPS_PROXY) opens no tunnel: its words -> Configure the proxy to allow CONNECT to that host and port, or add the host to NO_PROXY if it can be reached directly.',
  },
  {
    when: 'the proxy cannot reach the host',
    say: () => trouble(failure('ERR_PROXY_TUNNEL', { statusCode: 502 })),
    message:
      "the proxy proxy.example:3128 (HTTPS_PROXY) opens no tunnel: its words -> Check the URL, and that the proxy's own network and DNS can reach that host; or add the host to NO_PROXY if it can be reached directly.",
  },
  {
    when: 'the proxy answers no CONNECT',
    say: () => trouble(failure('ERR_PROXY_TUNNEL')),
    message:
      'the proxy proxy.example:3128 (HTTPS_PROXY) opens no tunnel: its words -> Check that HTTPS_PROXY names an HTTP proxy that allows CONNECT.',
  },
  {
    when: 'a TLS proxy answers no CONNECT',
    say: () => trouble(failure('ERR_PROXY_TUNNEL'), 'https'),
    message:
      'the proxy proxy.example:3128 (HTTPS_PROXY) opens no tunnel: its words -> Set HTTPS_PROXY to http:// unless the proxy itself speaks TLS. https:// means TLS between this container and the proxy; most proxies are http://, also for HTTPS. If the proxy does speak TLS, check that it runs, can be reached from this container and allows CONNECT.',
  },
  {
    when: 'the proxy is not there',
    say: () => trouble(failure('ECONNREFUSED', { port: 3128 })),
    message:
      'the proxy proxy.example:3128 (HTTPS_PROXY) cannot be reached: its words -> Check HTTPS_PROXY, and that the proxy runs and can be reached from this container.',
  },
  {
    when: 'the name of the proxy is unknown',
    say: () => trouble(failure('ENOTFOUND', { hostname: 'proxy.example' })),
    message:
      'the proxy proxy.example:3128 (HTTPS_PROXY) cannot be reached: its words -> Check HTTPS_PROXY, and that the proxy runs and can be reached from this container.',
  },
  {
    when: 'a TLS proxy closes the connection',
    say: () => trouble(failure('ECONNRESET', { port: 3128 }), 'https'),
    message:
      'the proxy proxy.example:3128 (HTTPS_PROXY) cannot be reached: its words -> Set HTTPS_PROXY to http:// unless the proxy itself speaks TLS. https:// means TLS between this container and the proxy; most proxies are http://, also for HTTPS. If the proxy does speak TLS, check that it runs, can be reached from this container and allows CONNECT.',
  },
  {
    when: 'the proxy speaks no TLS',
    say: () => trouble(failure('EPROTO'), 'https'),
    message:
      'its words; HTTPS_PROXY is https://proxy.example:3128 -> Set HTTPS_PROXY to http:// unless the proxy itself speaks TLS. https:// means TLS between this container and the proxy; most proxies are http://, also for HTTPS.',
  },
  {
    when: 'the proxy intercepts TLS',
    say: () => trouble(failure('SELF_SIGNED_CERT_IN_CHAIN')),
    message:
      'its words; HTTPS_PROXY is proxy.example:3128 -> Set NODE_EXTRA_CA_CERTS to a PEM file with the certificate authority of the proxy, if the proxy intercepts TLS.',
  },
  {
    when: 'a request through the proxy takes too long',
    say: () => trouble(Object.assign(new Error('its words'), { name: 'TimeoutError' })),
    message:
      'its words; HTTPS_PROXY is proxy.example:3128 -> Check that the proxy answers and allows this container; NO_PROXY lists hosts that are reached without it.',
  },
  {
    when: 'a host is in NO_PROXY',
    say: () =>
      createOutgoing({ url: 'http://proxy.example/', host: 'proxy.example', noProxy: 'ca.example' }).trouble(
        failure('ENOTFOUND'),
        'https://ca.example/',
      ) ?? 'nothing',
    message: 'nothing',
  },
  {
    when: 'a body is longer than the limit',
    say: () => new BodyError('BODY_TOO_LONG', 99),
    message: 'the answer has more than 99 bytes',
  },
  {
    when: 'a connection closes within the body',
    say: () => new BodyError('BODY_INCOMPLETE', 4),
    message: 'the answer broke off after 4 bytes',
  },
];
