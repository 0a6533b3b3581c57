import { send } from '../../src/net/http.ts';
import type { Outgoing } from '../../src/net/outgoing.ts';
import { LONGEST_ANSWER } from './http.ts';

/** The part of the Fetch standard that clients of APIs use: text in, text out. */
export type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Statuses whose answers have no content (Fetch standard, null body status). */
const WITHOUT_CONTENT = new Set([204, 205, 304]);

/** Node's own `fetch` takes no agent, so that a client which insists on one gets this. */
export function createFetch(outgoing: Outgoing): Fetch {
  return async (url, { method = 'GET', headers, body, signal } = {}) => {
    const response = await send({
      ...{ method, url: String(url), outgoing, maxBytes: LONGEST_ANSWER },
      headers: Object.fromEntries(new Headers(headers)),
      ...(typeof body === 'string' ? { body } : {}),
      signal: signal ?? new AbortController().signal,
    });
    const fields = Object.entries(response.headers).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    const content = WITHOUT_CONTENT.has(response.status) ? null : response.text;
    return new Response(content, { status: response.status, headers: fields });
  };
}
