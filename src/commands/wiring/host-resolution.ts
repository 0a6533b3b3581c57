import dns, { type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { type Lookup, notFound, systemLookup } from '../../net/system-lookup.ts';

/**
 * Makes every connection of this process resolve its host in a child process, as the proxy does for
 * the app's host, rather than in a thread of this one. All sockets of Node.js call `dns.lookup`,
 * and with them fetch, axios and the SDKs; they have no other common hook. Concurrent lookups of
 * one name are merged.
 */
export function resolveInChildProcess(find: Lookup = systemLookup): void {
  const { lookup } = dns;
  const finding = new Map<string, Promise<readonly LookupAddress[]>>();
  const findOnce = (host: string) => {
    const found = finding.get(host) ?? find(host).finally(() => finding.delete(host));
    finding.set(host, found);
    return found;
  };
  const findFamily = callbackify(async (host: string, family: number): Promise<LookupAddress[]> => {
    const addresses = await findOnce(host);
    return addresses.filter((found) => family === 0 || found.family === family);
  });
  const replacement: LookupFunction = (host, options, callback) => {
    // Node.js needs no thread for addresses.
    if (host === '' || isIP(host) !== 0) return lookup(host, options, callback);
    const family = Number(String(options.family ?? 0).replace('IPv', ''));
    findFamily(host, family, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || !first) callback(error ?? notFound(host), []);
      else if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
  Object.assign(dns, { lookup: replacement });
}
