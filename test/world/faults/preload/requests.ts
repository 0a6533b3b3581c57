import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { type Begin, kill } from './outside.ts';
import type { FaultAct } from './points.ts';

/** Counts every request of node:http, node:https and fetch: before it is sent. Node.js says so itself, on its channels. */
export function watchRequests(begin: Begin): void {
  const dying = new WeakSet<object>();
  const started = (request: object, method: string, path: string, url: string) => {
    if (diesAfter(begin(method, path.replace(/\?.*/s, ''), url))) dying.add(request);
  };
  const answered = (request: object) => {
    if (dying.has(request)) kill();
  };
  subscribe('http.client.request.created', (message) => {
    // As documented for this channel.
    const { request } = message as { request: ClientRequest & { socketPath?: string } };
    const { method, path, protocol, socketPath } = request;
    const host = request.getHeader('host') ?? request.host;
    const origin = socketPath === undefined ? `${protocol}//${host}` : `unix:${socketPath}:`;
    started(request, method, path, `${method} ${origin}${path}`);
  });
  subscribe('http.client.response.finish', (message) => answered((message as { request: object }).request));
  subscribe('undici:request:create', (message) => {
    const { request } = message as { request: { method: string; path: string; origin: string } };
    started(request, request.method, request.path, `${request.method} ${request.origin}${request.path}`);
  });
  subscribe('undici:request:headers', (message) => answered((message as { request: object }).request));
}

function diesAfter(act: FaultAct | undefined): boolean {
  if (act === undefined) return false;
  if (act === 'kill-after') return true;
  throw new Error(`fault points: ${act} cannot be done to a request`);
}
