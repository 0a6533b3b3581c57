import type { IncomingHttpHeaders } from 'node:http';

/** A request to a provider's API, as the simulator counts it. */
export interface Call {
  readonly method: string;
  /** Below the base URL, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly kind: 'read' | 'write';
}

/** A fault in place of the response. */
export type ApiFault = (
  | { readonly kind: 'rate-limit'; readonly retryAfter?: string }
  /** An error status of the API itself. */
  | { readonly kind: 'status'; readonly status: number }
  /** The API's error response with this code and message. */
  | { readonly kind: 'refusal'; readonly status: number; readonly code: number; readonly message: string }
  /**
   * The correct response after a delay. Unless `executed`, the request is carried out after the
   * delay, too.
   */
  | { readonly kind: 'slow'; readonly ms: number }
  /**
   * `html`: the page of an intercepting proxy. `truncated`: half a response whose end looks
   * regular. `nonsense`: a complete response in the API's format with undocumented content.
   * `stall`: the headers and half of the body, then silence.
   */
  | { readonly kind: 'reset' | 'hang' | 'html' | 'truncated' | 'nonsense' | 'stall' }
) & {
  /** The request is carried out before its response is lost. */
  readonly executed?: boolean;
};

/** The faults that are responses of the API, in its own format. */
export type AnsweredFault = Extract<ApiFault, { kind: 'rate-limit' | 'status' | 'refusal' }>;

export function isAnswered(fault: ApiFault): fault is AnsweredFault {
  return fault.kind === 'rate-limit' || fault.kind === 'status' || fault.kind === 'refusal';
}
