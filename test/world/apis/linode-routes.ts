import type { ApiRequest } from './api-simulator.ts';
import type { StoredDomain } from './linode-domain.ts';
import { paginate } from './linode-list.ts';
import { refusals } from './linode-refusal.ts';
import type { Access, StoredToken } from './linode-token.ts';

/** The content of a successful response, and the domain that was written. */
export interface Reply {
  readonly result: unknown;
  readonly written?: StoredDomain;
}

export interface Context {
  readonly request: ApiRequest;
  readonly token: StoredToken;
  readonly domains: readonly StoredDomain[];
}

const ROUTES: readonly (readonly [RegExp, (context: Context, ...ids: number[]) => Reply])[] = [
  [/^\/domains$/, domains],
  [/^\/domains\/(\d+)$/, domain],
  [/^\/domains\/(\d+)\/records$/, records],
  [/^\/domains\/(\d+)\/records\/(\d+)$/, record],
];

/** Carries out a request with a known token. Throws Refusal. */
export function route(context: Context): Reply {
  for (const [pattern, handle] of ROUTES) {
    const match = pattern.exec(context.request.path);
    if (match) return handle(context, ...match.slice(1).map(Number));
  }
  throw refusals.notFound();
}

/** Whether a request lists something; lists have a rate limit of their own. */
export function isList({ method, path }: ApiRequest): boolean {
  return method === 'GET' && (path === '/domains' || path.endsWith('/records'));
}

function domains(context: Context): Reply {
  allow(context, 'GET');
  context.token.requireScope('read_only');
  const visible = context.domains.filter(({ name }) => context.token.sees(name));
  return list(context, visible.map(describeDomain), ['domain', 'group', 'tags']);
}

// Nothing in this project changes the domain object itself, so the simulator does not support it.
function domain(context: Context, id = 0): Reply {
  allow(context, 'GET');
  return { result: describeDomain(findDomain(context, id, 'read_only')) };
}

function records(context: Context, id = 0): Reply {
  allow(context, 'GET', 'POST');
  if (context.request.method === 'GET') {
    const found = findDomain(context, id, 'read_only').records();
    return list(
      context,
      found.map((one) => ({ ...one })),
      ['name', 'type', 'target', 'tag'],
    );
  }
  const written = findDomain(context, id, 'read_write');
  return { result: written.post(readBody(context.request)), written };
}

function record(context: Context, domainId = 0, id = 0): Reply {
  allow(context, 'GET', 'PUT', 'DELETE');
  const { method } = context.request;
  if (method === 'GET') return { result: findDomain(context, domainId, 'read_only').get(id) };
  const written = findDomain(context, domainId, 'read_write');
  if (method === 'PUT') return { result: written.put(id, readBody(context.request)), written };
  written.delete(id);
  return { result: {}, written };
}

function allow({ request }: Context, ...methods: readonly string[]): void {
  if (!methods.includes(request.method)) throw refusals.method();
}

function list<T extends Readonly<Record<string, unknown>>>(
  { request: { query, headers } }: Context,
  items: readonly T[],
  filterable: readonly string[],
): Reply {
  const filter = headers['x-filter'];
  return { result: paginate(items, { query, filter: filter?.toString(), filterable }) };
}

function findDomain({ domains: all, token }: Context, id: number, access: Access): StoredDomain {
  token.requireScope(access);
  const found = all.find((candidate) => candidate.id === id);
  if (!found) throw refusals.notFound();
  token.requireGrant(found.name, access);
  return found;
}

function readBody({ headers, body }: ApiRequest): unknown {
  if (headers['content-type']?.split(';')[0]?.trim() !== 'application/json') throw refusals.contentType();
  try {
    return JSON.parse(body);
  } catch {
    throw refusals.json();
  }
}

function describeDomain({ id, name, type, status, ttlSec }: StoredDomain) {
  const soa = { soa_email: 'ops@example.com', retry_sec: 0, expire_sec: 0, refresh_sec: 0, ttl_sec: ttlSec };
  const lists = { tags: [], master_ips: [], axfr_ips: [] };
  return { id, type, domain: name, group: '', status, description: '', ...soa, ...lists };
}
