import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

/** A request as the simulator counted it. */
export interface Call {
  readonly method: string;
  /** Below the base URL, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly kind: 'read' | 'write';
}

/** Something that goes wrong in place of an answer. */
export type Fault = (
  | { readonly kind: 'rate-limit'; readonly retryAfter?: string }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'refusal'; readonly status: number; readonly code: number; readonly message: string }
  | { readonly kind: 'reset' | 'hang' | 'html' | 'truncated' | 'nonsense' }
  /** The headers and half of the body, and then nothing more. */
  | { readonly kind: 'stall' }
) & {
  /** The request is carried out before its answer is lost. */
  readonly executed?: boolean;
};

interface Rule {
  readonly matches: (call: Call) => boolean;
  readonly fault: Fault;
  left: number;
}

/** The faults that are waiting for their calls. */
export class Faults {
  #rules: Rule[] = [];

  add(fault: Fault, times: number, matches: (call: Call) => boolean): void {
    this.#rules.push({ fault, matches, left: times });
  }

  clear(): void {
    this.#rules = [];
  }

  /** The fault for a call, counted down. */
  next(call: Call): Fault | undefined {
    const rule = this.#rules.find(({ left, matches }) => left > 0 && matches(call));
    if (rule) rule.left -= 1;
    return rule?.fault;
  }
}

const HTML = '<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body></body></html>';
const HALF_AN_ANSWER = '{"success":true,"errors":[],"messages":[],"result":[{"id":"';

/** Answers with the fault. A hanging request stays open until its client or the simulator ends it. */
export function answerWith(fault: Fault, response: ServerResponse): void {
  switch (fault.kind) {
    case 'rate-limit':
      if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter);
      failure(response, 429, 971, 'Please wait and consider throttling your request speed');
      break;
    case 'status':
      failure(response, fault.status, 10013, 'An unknown error occurred');
      break;
    case 'refusal':
      failure(response, fault.status, fault.code, fault.message);
      break;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' }).end(HTML);
      break;
    case 'truncated':
      response.writeHead(200, { 'content-type': 'application/json' }).end(HALF_AN_ANSWER);
      break;
    case 'nonsense':
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
      break;
    case 'stall':
      response.writeHead(200, { 'content-type': 'application/json' }).write(HALF_AN_ANSWER);
      break;
    case 'reset':
      response.destroy();
      break;
    case 'hang':
      break;
  }
}

function failure(response: ServerResponse, status: number, code: number, message: string): void {
  const envelope = { success: false, errors: [{ code, message }], messages: [], result: null };
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(envelope));
}
