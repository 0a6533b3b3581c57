import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** A request to a CA, as its front counts it. */
export interface AcmeRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /**
   * Method and path without the resource's id: `POST /order-plz`, `POST /authZ/`. Same form as
   * Pebble's counts.
   */
  readonly kind: string;
  readonly headers: IncomingHttpHeaders;
  /**
   * The payload of the JWS (RFC 8555 §6.2): JSON, or undefined for POST-as-GET and for other
   * methods.
   */
  readonly payload: unknown;
  readonly at: Date;
}

/** A request that the CA carried out, with the response's status: 201 for a created resource. */
export interface GrantedRequest extends AcmeRequest {
  readonly status: number;
}

/** A complete response. */
export interface AcmeAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** What replaces the response to a request. */
export type AcmeFault =
  | ((
      | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
      | Problem
      | { readonly kind: 'reset' | 'hang' }
      /**
       * The correct response after a delay. Unless `executed`, the request is carried out after the
       * delay, too.
       */
      | { readonly kind: 'slow'; readonly ms: number }
    ) & {
      /** The request is carried out before the fault. */
      readonly executed?: boolean;
    })
  | Rewrite;

/** An error response in the CA's own format (RFC 7807, RFC 8555 §6.7), with a fresh nonce. */
export interface Problem {
  readonly kind: 'problem';
  /** Without `urn:ietf:params:acme:error:`. */
  readonly type: string;
  readonly status: number;
  readonly detail?: string;
  /** Seconds, or a date (RFC 9110 §10.2.3). */
  readonly retryAfter?: string;
}

/** The request is carried out, and its response is changed. */
export interface Rewrite {
  readonly kind: 'rewrite';
  readonly status?: number;
  /**
   * Receives the body, parsed if it is JSON. A returned string is sent as it is, any other value as
   * JSON.
   */
  readonly body?: (body: unknown) => unknown;
  /** Names in lower case; undefined removes a field. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** A rate limit of the CA is reached (RFC 8555 §6.6); Let's Encrypt always sends Retry-After. */
export function rateLimited(retryAfter = '3600'): Problem {
  const detail =
    'too many certificates (5) already issued for this exact set of identifiers in the last 168h';
  return { kind: 'problem', type: 'rateLimited', status: 429, detail, retryAfter };
}

/** The certificate that an order would replace has already been replaced (RFC 9773 §7.4). */
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

/** Turns a valid order into one that is processing (RFC 8555 §7.1.6) and changes nothing else. */
export function asProcessing(answer: AcmeAnswer, retryAfterS: number): AcmeAnswer {
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
