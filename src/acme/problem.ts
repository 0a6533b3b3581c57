import { IngressError } from '../errors.ts';
import { asObject, asText } from './json.ts';

/** What a certificate authority says when it refuses (RFC 7807, RFC 8555 §6.7). */
export interface Problem {
  /** `urn:ietf:params:acme:error:…`, or `about:blank`. */
  readonly type: string;
  readonly detail: string;
  readonly status: number | undefined;
  readonly subproblems: readonly Subproblem[];
}

/** What is wrong with one identifier of an order (RFC 8555 §6.7.1). */
export interface Subproblem {
  readonly type: string;
  readonly detail: string;
  readonly identifier: string | undefined;
}

/** What the type of every problem of RFC 8555 starts with. */
export const PROBLEM_PREFIX = 'urn:ietf:params:acme:error:';

/** Reads a problem document; anything else becomes one of type `about:blank`. */
export function readProblem(body: unknown, status: number | undefined): Problem {
  const document = asObject(body);
  const subproblems = Array.isArray(document['subproblems']) ? document['subproblems'] : [];
  const said = typeof body === 'string' ? body.slice(0, 200) : '';
  return {
    type: asText(document['type']) ?? 'about:blank',
    detail: asText(document['detail']) ?? (said || `HTTP status ${status ?? 'unknown'}`),
    status: typeof document['status'] === 'number' ? document['status'] : status,
    subproblems: subproblems.map(asObject).map((sub) => ({
      type: asText(sub['type']) ?? 'about:blank',
      detail: asText(sub['detail']) ?? '',
      identifier: asText(asObject(sub['identifier'])['value']),
    })),
  };
}

/** Milliseconds of a Retry-After header, in either of its two forms (RFC 9110 §10.2.3). */
export function readRetryAfter(header: unknown, now: Date): number | undefined {
  if (typeof header !== 'string' || header.trim() === '') return undefined;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

/** A refusal as an error that keeps all of the problem. */
export function problemError(problem: Problem, retryAfterMs: number | undefined): IngressError {
  const subs = problem.subproblems.map(({ identifier, detail }) => `${identifier ?? 'a name'}: ${detail}`);
  const sentence = `the certificate authority refuses: ${[problem.detail, ...subs].join('; ')} (${shortType(problem.type)})`;
  return new IngressError('ACME_PROBLEM', sentence, {
    details: { problem },
    ...(problem.type === `${PROBLEM_PREFIX}rateLimited` ? { hint: RATE_LIMIT_HINT } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

const RATE_LIMIT_HINT =
  "It is tried again by itself, not before the time that the certificate authority names. Keep the certificate volume: a start without it orders again, and that counts. Set ACME_STAGING=true while you experiment. Let's Encrypt's limits: https://letsencrypt.org/docs/rate-limits/.";

/** Whether a thrown error is a problem of this type, given without the URN's prefix: `badNonce`. */
export function isProblem(thrown: unknown, type: string): boolean {
  return thrown instanceof IngressError && problemOf(thrown)?.type === `${PROBLEM_PREFIX}${type}`;
}

/** The problem that an error carries, if any. */
export function problemOf(error: IngressError): Problem | undefined {
  // Only problemError and orderFailed put something under this key.
  return error.details['problem'] as Problem | undefined;
}

function shortType(type: string): string {
  return type.startsWith(PROBLEM_PREFIX) ? type.slice(PROBLEM_PREFIX.length) : type;
}
