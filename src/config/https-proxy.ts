import { invalid, type ValueFault } from './faults.ts';
import type { Environment } from './read.ts';
import { Secret } from './secret.ts';
import { type } from './types.ts';
import type { VariableType } from './variable.ts';
import type { ConfigWarning } from './warnings.ts';

/** A proxy for outgoing HTTPS. */
export interface ProxySetting {
  /** With the credentials, if there are any. */
  readonly url: Secret;
  /** `host:port`, safe to show. */
  readonly host: string;
}

const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/**
 * The URL of an HTTP proxy, or `host:port`, as other programs accept it. Only the host is ever
 * shown.
 */
export const proxyUrl: VariableType<ProxySetting> = type(
  'URL',
  (value): ProxySetting | { wrong: ValueFault } => {
    if (/^socks/i.test(value))
      return invalid('unsupported', 'is a SOCKS proxy; only HTTP proxies are supported');
    const url = /^(?!\d+$)[\x21-\x7e]+$/.test(value)
      ? URL.parse(value.includes('://') ? value : `http://${value}`)
      : null;
    const port = url && PORTS[url.protocol];
    if (!url || !port || url.hostname === '' || !isDecodable(`${url.username}${url.password}`))
      return invalid('not-a-url', 'is not the URL of an HTTP proxy');
    if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
      return invalid('malformed', 'has something after the host and port of the proxy');
    return { url: new Secret(url.href), host: `${url.hostname}:${url.port || port}` };
  },
);

function isDecodable(credentials: string): boolean {
  try {
    decodeURIComponent(credentials);
    return true;
  } catch {
    return false;
  }
}

/** The hosts of NO_PROXY, separated by commas or spaces; in the value by commas only. */
export const proxyBypass: VariableType<string> = type('host, …', (value) => {
  const hosts = value.split(/[\s,]+/).filter(Boolean);
  return hosts.every((host) => /^[\x21-\x7e]+$/.test(host))
    ? hosts.join(',')
    : invalid('invalid-characters', 'contains a character outside ASCII');
});

/** Warnings about proxy settings that have no effect. Pure. */
export function proxyWarnings(
  { httpsProxy, noProxy = '' }: { readonly httpsProxy?: unknown; readonly noProxy?: string | undefined },
  environment: Environment,
): ConfigWarning[] {
  if (httpsProxy === undefined) {
    return ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']
      .filter((name) => environment[name]?.trim())
      .map((variable) => ({ kind: 'other-proxy', variable }));
  }
  return noProxy
    .split(',')
    .filter((host) => host.includes('/'))
    .map((network) => ({ kind: 'ignored-network', variable: 'NO_PROXY', network }));
}
