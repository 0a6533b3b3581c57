import { type ErrorContext, IngressError, isIngressError, RETRIES } from '../errors.ts';
import { asObject, asText } from '../json.ts';

/** A problem document: how a CA reports a refusal (RFC 7807, RFC 8555 §6.7). */
export interface Problem {
  /** `urn:ietf:params:acme:error:…`, or `about:blank`. */
  readonly type: string;
  readonly detail: string;
  readonly status: number | undefined;
  readonly subproblems: readonly Subproblem[];
  /**
   * A page with more information; for userActionRequired, with the action required of the account's
   * owner (RFC 8555 §7.3.3).
   */
  readonly instance?: string;
  /** The current terms of service, from the Link header that accompanies userActionRequired. */
  readonly termsOfService?: string;
  /** The identifier that the problem concerns, if the document has one outside its subproblems. */
  readonly identifier?: string;
}

/** The problem with one identifier of an order (RFC 8555 §6.7.1). */
export interface Subproblem {
  readonly type: string;
  readonly detail: string;
  readonly identifier: string | undefined;
}

/** The prefix of every problem type of RFC 8555. */
export const PROBLEM_PREFIX = 'urn:ietf:params:acme:error:';

/** The HTTP response that carried a problem. */
export interface ErrorResponse {
  readonly url: string;
  /** Keyed by lower-case name. */
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Reads a problem document. Any other body becomes a problem of type `about:blank`. Pure. */
export function readProblem(body: unknown, status: number | undefined, response?: ErrorResponse): Problem {
  const document = asObject(body);
  const subproblems = Array.isArray(document['subproblems']) ? document['subproblems'] : [];
  const excerpt = typeof body === 'string' ? body.slice(0, 200) : '';
  const instance = resolveUrl(asText(document['instance']), response);
  const termsOfService = resolveUrl(linkTarget('terms-of-service', response?.headers['link']), response);
  const identifier = identifierOf(document);
  return {
    type: asText(document['type']) ?? 'about:blank',
    detail:
      asText(document['detail']) ??
      asText(document['title']) ??
      (excerpt || `HTTP status ${status ?? 'unknown'}`),
    status: typeof document['status'] === 'number' ? document['status'] : status,
    subproblems: subproblems.map(asObject).map((sub) => ({
      type: asText(sub['type']) ?? 'about:blank',
      detail: asText(sub['detail']) ?? '',
      identifier: identifierOf(sub),
    })),
    ...(instance === undefined ? {} : { instance }),
    ...(termsOfService === undefined ? {} : { termsOfService }),
    ...(identifier === undefined ? {} : { identifier }),
  };
}

function identifierOf({ identifier }: Readonly<Record<string, unknown>>): string | undefined {
  return asText(asObject(identifier)['value']);
}

/** The target of the first link with this relation (RFC 8288 §3). */
function linkTarget(relation: string, header: unknown): string | undefined {
  const text = Array.isArray(header) ? header.join(', ') : asText(header);
  const links = [
    ...(text ?? '').matchAll(/<([^>]*)>((?:\s*;\s*[\w*-]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)/g),
  ];
  return links.find(([, , parameters = '']) => {
    const [, quoted, bare] = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters) ?? [];
    return (quoted ?? bare ?? '').toLowerCase().split(/\s+/).includes(relation);
  })?.[1];
}

/** An absolute URL: the reference may be relative to the URL of the request (RFC 7807 §3.1). */
function resolveUrl(reference: string | undefined, response: ErrorResponse | undefined): string | undefined {
  if (reference === undefined || reference === '') return undefined;
  return URL.parse(reference, response?.url)?.href ?? reference;
}

/** ACME_PROBLEM with the whole problem document in its details. */
export function problemError(problem: Problem, retryAfterMs: number | undefined): IngressError {
  return new IngressError('ACME_PROBLEM', messageFor(problem), {
    details: { problem },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...adviceFor(problem),
    // Only a person can resolve it; a health check fails at once.
    ...(problem.type === `${PROBLEM_PREFIX}userActionRequired` ? { retryable: false } : {}),
  });
}

/** A response without an ACME type comes from an intercepting proxy or a broken CA. */
function messageFor(problem: Problem): string {
  const { type, detail, status } = problem;
  return type === 'about:blank'
    ? `HTTP status ${status ?? 'unknown'} from the certificate authority or an intercepting proxy: ${detail}`
    : `the certificate authority refused the request: ${describeProblem(problem)}`;
}

function adviceFor(problem: Problem): ErrorContext {
  switch (problem.type) {
    case `${PROBLEM_PREFIX}rateLimited`:
      return {
        hint: RATE_LIMIT_HINT,
        byItself:
          'The ingress retries by itself, not before the time in Retry-After if the certificate authority sent one.',
      };
    case `${PROBLEM_PREFIX}userActionRequired`:
      return { hint: userActionHint(problem), byItself: RETRIES };
    case 'about:blank':
      return {
        hint: 'If it persists, check the status page of the certificate authority and any intercepting proxy or captive portal.',
        byItself: RETRIES,
      };
    default:
      return {};
  }
}

const RATE_LIMIT_HINT =
  "Keep the certificate volume: a start without it orders a new certificate, which counts against the limit. Set ACME_STAGING=true while you experiment. Let's Encrypt's limits: https://letsencrypt.org/docs/rate-limits/.";

/** The human-readable parts of a problem, in one line. Pure. */
export function describeProblem({ detail, subproblems, identifier, instance, type }: Problem): string {
  const main = identifier === undefined ? detail : `${identifier}: ${detail}`;
  const subs = subproblems.map((sub) => {
    const kind = sub.type === type || sub.type === 'about:blank' ? '' : ` (${shortType(sub.type)})`;
    return `${sub.identifier ?? 'a name'}: ${sub.detail}${kind}`;
  });
  const more = instance === undefined ? '' : `; see ${instance}`;
  return `${[main, ...subs].join('; ')} (${shortType(type)})${more}`;
}

/**
 * RFC 8555 §7.3.3: the account's owner has to act, at `instance`; often because the terms have
 * changed.
 */
function userActionHint({ instance, termsOfService }: Problem): string {
  const page = instance ?? termsOfService;
  const where =
    page === undefined
      ? 'Ask the certificate authority which action it requires of the account owner.'
      : `Open ${page} and follow the instructions.`;
  const terms =
    termsOfService === undefined || termsOfService === page
      ? ''
      : ` The current terms of service are at ${termsOfService}.`;
  return `${where}${terms} The ingress agreed to the terms when it created the account; only you can agree to changed terms.`;
}

/**
 * Whether a thrown error is a problem of this type, given without its URN prefix: `badNonce`. Pure.
 */
export function isProblem(thrown: unknown, type: string): boolean {
  return thrown instanceof IngressError && problemOf(thrown)?.type === `${PROBLEM_PREFIX}${type}`;
}

/** The problem in an error's details, if any. Pure. */
export function problemOf(error: IngressError): Problem | undefined {
  // Only problemError and orderFailed set this key.
  return error.details['problem'] as Problem | undefined;
}

/**
 * Whether an order with `replaces` (RFC 9773 §5) may have been refused because of it, so that an
 * order without it is worth a request. True for any refusal without another known cause, and for
 * the CA's internal errors, because Pebble responds to an unknown certificate with one. Pure.
 */
export function mayConcernReplacement(thrown: unknown): boolean {
  if (!isIngressError(thrown, 'ACME_PROBLEM')) return false;
  const { type = '', status = 0 } = problemOf(thrown) ?? {};
  if (type === `${PROBLEM_PREFIX}serverInternal`) return status === 500;
  return status >= 400 && status < 500 && status !== 429 && !UNRELATED_TO_REPLACEMENT.has(type);
}

/**
 * Problems with the account, its limits, the names or the profile: an order without `replaces`
 * would be refused as well.
 */
const UNRELATED_TO_REPLACEMENT: ReadonlySet<string> = new Set(
  [
    'accountDoesNotExist',
    'badNonce',
    'badPublicKey',
    'badSignatureAlgorithm',
    'externalAccountRequired',
    'invalidProfile',
    'rateLimited',
    'rejectedIdentifier',
    'unsupportedIdentifier',
    'userActionRequired',
  ].map((type) => `${PROBLEM_PREFIX}${type}`),
);

function shortType(type: string): string {
  return type.startsWith(PROBLEM_PREFIX) ? type.slice(PROBLEM_PREFIX.length) : type;
}
