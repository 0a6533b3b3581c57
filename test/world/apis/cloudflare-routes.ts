import type { IncomingHttpHeaders } from 'node:http';
import { listRecords, listZones } from './cloudflare-list.ts';
import { type Refusal, refusals } from './cloudflare-refusal.ts';
import type { StoredToken } from './cloudflare-token.ts';
import type { StoredZone } from './cloudflare-zone.ts';

interface Request {
  readonly method: string;
  /** Below the base URL, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** The content of a successful response's envelope, and the zone that was written. */
export interface Reply {
  readonly result: unknown;
  readonly result_info?: unknown;
  readonly written?: StoredZone;
}

const ID = '([0-9a-f]{32})';
const ROUTES: readonly (readonly [RegExp, (context: Context, ...ids: string[]) => Reply])[] = [
  [/^\/user\/tokens\/verify$/, ({ token }) => ({ result: token.verify() })],
  [/^\/zones$/, zones],
  [new RegExp(`^/zones/${ID}$`), zone],
  [new RegExp(`^/zones/${ID}/dns_records$`), records],
  [new RegExp(`^/zones/${ID}/dns_records/batch$`), batch],
  [new RegExp(`^/zones/${ID}/dns_records/${ID}$`), record],
];

interface Context {
  readonly request: Request;
  readonly token: StoredToken;
  readonly zones: readonly StoredZone[];
}

/** Carries out a request with a known token. Throws Refusal. */
export function route(context: Context): Reply {
  for (const [pattern, handle] of ROUTES) {
    const match = pattern.exec(context.request.path);
    if (match) return handle(context, ...match.slice(1));
  }
  throw refusals.noSuchRoute(context.request.path);
}

function zones(context: Context): Reply {
  allow(context, 'GET');
  const { request, token } = context;
  const visible = context.zones.filter(({ name }) => token.permissions(name).zoneRead);
  if (visible.length === 0) throw refusals.mayNotListZones(token.id);
  const { result, result_info } = listZones(visible, request.query);
  return { result: result.map(describeZone), result_info };
}

function zone(context: Context, id = ''): Reply {
  allow(context, 'GET');
  return { result: describeZone(findZone(context, id, 'zoneRead', refusals.mayNotReadZone)) };
}

function records(context: Context, id = ''): Reply {
  allow(context, 'GET', 'POST');
  if (context.request.method === 'POST') {
    const written = findZone(context, id, 'dnsEdit', refusals.mayNotUseDns);
    return { result: written.post(readBody(context.request)), written };
  }
  const found = findZone(context, id, 'dnsRead', refusals.mayNotUseDns);
  return { ...listRecords(found.records(), context.request.query) };
}

function batch(context: Context, id = ''): Reply {
  allow(context, 'POST');
  const written = findZone(context, id, 'dnsEdit', refusals.mayNotUseDns);
  return { result: written.batch(readBody(context.request)), written };
}

function record(context: Context, zoneId = '', id = ''): Reply {
  allow(context, 'GET', 'PUT', 'PATCH', 'DELETE');
  const { request } = context;
  if (request.method === 'GET') {
    return { result: findZone(context, zoneId, 'dnsRead', refusals.mayNotUseDns).get(id) };
  }
  const written = findZone(context, zoneId, 'dnsEdit', refusals.mayNotUseDns);
  if (request.method === 'DELETE') return { result: { id: written.delete(id).id }, written };
  const change =
    request.method === 'PUT' ? written.put(id, readBody(request)) : written.patch(id, readBody(request));
  return { result: change, written };
}

function allow({ request }: Context, ...methods: readonly string[]): void {
  if (!methods.includes(request.method)) throw refusals.methodNotAllowed();
}

// To a restricted token, a missing zone and one out of its reach look the same.
function findZone(
  { zones, token }: Context,
  id: string,
  permission: 'zoneRead' | 'dnsRead' | 'dnsEdit',
  refusal: () => Refusal,
): StoredZone {
  const found = zones.find((candidate) => candidate.id === id);
  if (!token.permissions(found?.name ?? '')[permission]) throw refusal();
  if (!found) throw refusals.noSuchZone();
  return found;
}

function readBody({ headers, body }: Request): unknown {
  if (headers['content-type']?.split(';')[0]?.trim() !== 'application/json') throw refusals.contentType();
  try {
    return JSON.parse(body);
  } catch {
    throw refusals.body();
  }
}

function describeZone({ id, name, status }: StoredZone): Readonly<Record<string, unknown>> {
  return { id, name, status, type: 'full', paused: false, name_servers: [] };
}
