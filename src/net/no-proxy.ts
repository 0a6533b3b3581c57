import { isIPv4 } from 'node:net';

/**
 * Whether a request for this URL goes to its host without the proxy for HTTPS: if it is not an
 * https:// URL, or NO_PROXY has the host. Reads NO_PROXY as Node's agents do, which do not expose
 * it. Pure.
 */
export function bypassesProxy(asked: string, noProxy: string): boolean {
  const url = URL.parse(asked);
  if (url?.protocol !== 'https:') return true;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const withPort = `${host}:${url.port || 443}`;
  return noProxy
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry === '*' || entry === host || entry === withPort || isWithin(host, entry));
}

function isWithin(host: string, entry: string): boolean {
  if (entry.startsWith('.')) return host === entry.slice(1) || host.endsWith(entry);
  if (entry.startsWith('*.')) return host.endsWith(entry.slice(1));
  const [first = '', last = ''] = entry.split('-').map((end) => end.trim());
  return [host, first, last].every((address) => isIPv4(address)) && isBetween(host, first, last);
}

function isBetween(address: string, first: string, last: string): boolean {
  return numberOf(first) <= numberOf(address) && numberOf(address) <= numberOf(last);
}

function numberOf(address: string): number {
  return address.split('.').reduce((number, octet) => number * 256 + Number(octet), 0);
}
