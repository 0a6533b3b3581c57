import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import type { Actor } from './outside.ts';
import type { FaultAct } from './points.ts';

/**
 * Counts every request of node:http, node:https and fetch before it is sent, through the
 * diagnostics channels of Node.js.
 */
export function watchRequests(actor: () => Actor | undefined): void {
  const dying = new WeakMap<object, Actor>();
  /** Whether the request may be sent. */
  const started = (request: object, method: string, path: string, url: string): boolean => {
    const acting = actor();
    if (!acting) return true;
    const act = acting.begin(method, path.replace(/\?.*/s, ''), url);
    if (act === 'kill-before') acting.die();
    if (diesAfter(act)) dying.set(request, acting);
    return act !== 'kill-before';
  };
  const answered = (request: object) => dying.get(request)?.die();
  subscribe('http.client.request.created', (message) => {
    // The documented type of this channel's messages.
    const { request } = message as { request: ClientRequest & { socketPath?: string } };
    const { method, path, protocol, socketPath } = request;
    const host = request.getHeader('host') ?? request.host;
    const origin = socketPath === undefined ? `${protocol}//${host}` : `unix:${socketPath}:`;
    if (!started(request, method, path, `${method} ${origin}${path}`)) request.destroy();
  });
  subscribe('http.client.response.finish', (message) => answered((message as { request: object }).request));
  subscribe('undici:request:create', (message) => {
    const { request } = message as { request: { method: string; path: string; origin: string } };
    started(request, request.method, request.path, `${request.method} ${request.origin}${request.path}`);
  });
  subscribe('undici:request:headers', (message) => answered((message as { request: object }).request));
}

function diesAfter(act: FaultAct | undefined): boolean {
  if (act === undefined || act === 'kill-before') return false;
  if (act === 'kill-after') return true;
  throw new Error(`fault points: ${act} is impossible at a request`);
}
