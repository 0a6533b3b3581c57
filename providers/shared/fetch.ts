import type { Outgoing } from '../../src/net/outgoing.ts';
import { send, textOf } from './http.ts';

/** The part of the Fetch standard that clients of APIs use: text in, text out. */
export type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Statuses whose answers have no content (Fetch standard, null body status). */
const WITHOUT_CONTENT = new Set([204, 205, 304]);

/** Node's own `fetch` takes no agent, so that a client which insists on one gets this. */
export function createFetch(outgoing: Outgoing): Fetch {
  return async (url, { method = 'GET', headers, body, signal } = {}) => {
    const response = await send(outgoing, {
      method,
      url: String(url),
      headers: Object.fromEntries(new Headers(headers)),
      ...(typeof body === 'string' ? { data: body } : {}),
      ...(signal ? { signal } : {}),
    });
    const told = Object.entries(response.headers).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    const content = WITHOUT_CONTENT.has(response.status) ? null : textOf(response);
    return new Response(content, { status: response.status, headers: told });
  };
}
