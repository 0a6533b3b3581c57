import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** A request to a certificate authority as its front counted it. */
export interface AcmeRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Method and path without the id of what is asked for: `POST /order-plz`, `POST /authZ/`. As Pebble counts. */
  readonly kind: string;
  readonly headers: IncomingHttpHeaders;
  /** What the JWS carries (RFC 8555 §6.2): JSON, or undefined for POST-as-GET and for what is no POST. */
  readonly payload: unknown;
  readonly at: Date;
}

/** One that the CA has carried out, with its status: 201 for what it has made. */
export interface GrantedRequest extends AcmeRequest {
  readonly status: number;
}

/** A whole answer. */
export interface AcmeAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** What becomes of a request in place of its answer. */
export type AcmeFault =
  | ((
      | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
      | Problem
      | { readonly kind: 'reset' | 'hang' }
      /** The true answer, later; the request waits as long, unless it is carried out first. */
      | { readonly kind: 'slow'; readonly ms: number }
    ) & {
      /** The request is carried out before that. */
      readonly executed?: boolean;
    })
  | Rewrite;

/** A refusal in the CA's own format (RFC 7807, RFC 8555 §6.7), with a fresh nonce. */
export interface Problem {
  readonly kind: 'problem';
  /** Without `urn:ietf:params:acme:error:`. */
  readonly type: string;
  readonly status: number;
  readonly detail?: string;
  /** Seconds, or a date (RFC 9110 §10.2.3). */
  readonly retryAfter?: string;
}

/** The request is carried out, and its answer says something else. */
export interface Rewrite {
  readonly kind: 'rewrite';
  readonly status?: number;
  /** Gets the body, parsed where it is JSON. Text that it gives back is sent as it is, everything else as JSON. */
  readonly body?: (body: unknown) => unknown;
  /** Names in lower case; undefined takes one away. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** A limit of the CA is reached (RFC 8555 §6.6); Let's Encrypt always says for how long. */
export function rateLimited(retryAfter = '3600'): Problem {
  const detail =
    'too many certificates (5) already issued for this exact set of identifiers in the last 168h';
  return { kind: 'problem', type: 'rateLimited', status: 429, detail, retryAfter };
}

/** The certificate that an order would replace has been replaced (RFC 9773 §7.4). */
export const alreadyReplaced: Problem = {
  kind: 'problem',
  type: 'alreadyReplaced',
  status: 409,
  detail: 'the certificate has already been replaced',
};

export function problemAnswer({ type, status, detail, retryAfter }: Problem, nonce?: string): AcmeAnswer {
  const document = { type: `urn:ietf:params:acme:error:${type}`, detail: detail ?? type, status };
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(nonce === undefined ? {} : { 'replay-nonce': nonce }),
      ...retryAfterHeader(retryAfter),
    },
    body: Buffer.from(JSON.stringify(document)),
  };
}

export function retryAfterHeader(retryAfter: string | undefined): OutgoingHttpHeaders {
  return retryAfter === undefined ? {} : { 'retry-after': retryAfter };
}

export function rewritten(answer: AcmeAnswer, { status, body, headers }: Rewrite): AcmeAnswer {
  const merged = Object.entries({ ...answer.headers, ...headers });
  return {
    status: status ?? answer.status,
    headers: Object.fromEntries(merged.filter(([, value]) => value !== undefined)),
    body: body ? encodeBody(body(decodeBody(answer.body))) : answer.body,
  };
}

/** An order that is valid becomes one that is still processed (RFC 8555 §7.1.6); everything else stays. */
export function withOrderHeld(answer: AcmeAnswer, retryAfterS: number): AcmeAnswer {
  const order = decodeBody(answer.body);
  const isOrder = typeof order === 'object' && order !== null && 'finalize' in order && 'status' in order;
  if (!isOrder || order.status !== 'valid') return answer;
  return rewritten(answer, {
    kind: 'rewrite',
    body: () => ({ ...order, status: 'processing', certificate: undefined }),
    headers: { 'retry-after': String(retryAfterS) },
  });
}

function decodeBody(body: Buffer): unknown {
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function encodeBody(body: unknown): Buffer {
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
