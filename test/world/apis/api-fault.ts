import type { IncomingHttpHeaders } from 'node:http';

/** A request to a provider's API as its simulator counted it. */
export interface Call {
  readonly method: string;
  /** Below the base URL, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly kind: 'read' | 'write';
}

/** Something that goes wrong in place of an answer. */
export type ApiFault = (
  | { readonly kind: 'rate-limit'; readonly retryAfter?: string }
  /** The API's own failure. */
  | { readonly kind: 'status'; readonly status: number }
  /** A refusal of the API in these words. */
  | { readonly kind: 'refusal'; readonly status: number; readonly code: number; readonly message: string }
  /** The true answer, later; the request waits as long, unless it is carried out first. */
  | { readonly kind: 'slow'; readonly ms: number }
  /**
   * `html` is a page of somebody between, `truncated` half of an answer that ends as if it were whole, `nonsense` a whole
   * answer in the API's format that is in no documentation, `stall` the headers and half of the body and nothing more.
   */
  | { readonly kind: 'reset' | 'hang' | 'html' | 'truncated' | 'nonsense' | 'stall' }
) & {
  /** The request is carried out before its answer is lost. */
  readonly executed?: boolean;
};

/** The faults that the API itself answers with, in its own format. */
export type AnsweredFault = Extract<ApiFault, { kind: 'rate-limit' | 'status' | 'refusal' }>;

export function isAnswered(fault: ApiFault): fault is AnsweredFault {
  return fault.kind === 'rate-limit' || fault.kind === 'status' || fault.kind === 'refusal';
}
