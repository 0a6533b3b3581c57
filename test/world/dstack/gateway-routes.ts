import { query, txtRecords } from '../dns/dns-client.ts';

/** The destination of a connection. */
export interface Route {
  /** An app id or an instance id. */
  readonly id: string;
  readonly port: number;
}

export interface RouteOptions {
  readonly resolver: string;
  /** The gateway's own domain: `<id>[-<port>]s.<domain>` is passed through without a lookup. */
  readonly domain: string;
  /** Seconds for which a missing record is cached. */
  readonly negativeTtlS: number;
}

interface Remembered {
  readonly value: string | undefined;
  readonly untilMs: number;
}

const PASS_THROUGH_PORT = 443;

/**
 * Creates a function from server name to route that caches answers for their TTL. It rejects if
 * there is no record, if the first one is malformed, or if the resolver does not respond.
 */
export function createRoutes({
  resolver,
  domain,
  negativeTtlS,
}: RouteOptions): (sni: string) => Promise<Route> {
  const cache = new Map<string, Remembered>();

  const firstTxt = async (name: string): Promise<string | undefined> => {
    const known = cache.get(name);
    if (known && known.untilMs > Date.now()) return known.value;
    const reply = await query(resolver, name, 'TXT');
    if (reply.rcode !== 'NOERROR' && reply.rcode !== 'NXDOMAIN')
      throw new Error(`${name} TXT: ${reply.rcode}`);
    const record = txtRecords(reply.answers)[0];
    const value = record && String([record.data].flat()[0] ?? '');
    const ttlS = record ? (record.ttl ?? 0) : negativeTtlS;
    cache.set(name, { value, untilMs: Date.now() + ttlS * 1000 });
    return value;
  };

  return async (sni) => {
    const own = ownRoute(sni, domain);
    if (own) return own;
    for (const name of recordNames(sni)) {
      const value = await firstTxt(name);
      if (value !== undefined) return parseRoute(name, value);
    }
    throw new Error(`no app-address record for ${sni}`);
  };
}

function recordNames(sni: string): string[] {
  const parent = sni.slice(sni.indexOf('.') + 1);
  return [`_dstack-app-address.${sni}`, `_tapp-address.${sni}`, `_dstack-app-address-wildcard.${parent}`];
}

function parseRoute(name: string, value: string): Route {
  const [, id, port] = /^([0-9a-f]{40}):(\d{1,5})$/.exec(value) ?? [];
  if (!id || Number(port) === 0 || Number(port) > 65_535) throw new Error(`${name} is malformed: ${value}`);
  return { id, port: Number(port) };
}

function ownRoute(sni: string, domain: string): Route | undefined {
  if (!sni.endsWith(`.${domain}`)) return undefined;
  const label = sni.slice(0, -domain.length - 1);
  const [, id, port = PASS_THROUGH_PORT] = /^([0-9a-f]{40})(?:-(\d{1,5}))?s$/.exec(label) ?? [];
  if (!id) throw new Error(`${sni} does not select TLS passthrough, which is all that this gateway supports`);
  return { id, port: Number(port) };
}
