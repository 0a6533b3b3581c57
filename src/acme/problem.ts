import { type ErrorContext, IngressError, RETRIES } from '../errors.ts';
import { asObject, asText } from '../json.ts';

/** What a certificate authority says when it refuses (RFC 7807, RFC 8555 §6.7). */
export interface Problem {
  /** `urn:ietf:params:acme:error:…`, or `about:blank`. */
  readonly type: string;
  readonly detail: string;
  readonly status: number | undefined;
  readonly subproblems: readonly Subproblem[];
  /** Where a person reads more: with userActionRequired, what has to be done there (RFC 8555 §7.3.3). */
  readonly instance?: string;
  /** The terms of service in force, which come with userActionRequired. */
  readonly termsOfService?: string;
  /** The name that it is about, where the document has it outside its subproblems. */
  readonly identifier?: string;
}

/** What is wrong with one identifier of an order (RFC 8555 §6.7.1). */
export interface Subproblem {
  readonly type: string;
  readonly detail: string;
  readonly identifier: string | undefined;
}

/** What the type of every problem of RFC 8555 starts with. */
export const PROBLEM_PREFIX = 'urn:ietf:params:acme:error:';

/** The answer that brought a problem. */
export interface ErrorResponse {
  readonly url: string;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Reads a problem document; anything else becomes one of type `about:blank`. */
export function readProblem(body: unknown, status: number | undefined, refusal?: ErrorResponse): Problem {
  const document = asObject(body);
  const subproblems = Array.isArray(document['subproblems']) ? document['subproblems'] : [];
  const said = typeof body === 'string' ? body.slice(0, 200) : '';
  const instance = addressOf(asText(document['instance']), refusal);
  const termsOfService = addressOf(linkOf('terms-of-service', refusal?.headers['link']), refusal);
  const identifier = identifierOf(document);
  return {
    type: asText(document['type']) ?? 'about:blank',
    detail:
      asText(document['detail']) ??
      asText(document['title']) ??
      (said || `HTTP status ${status ?? 'unknown'}`),
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
function linkOf(relation: string, header: unknown): string | undefined {
  const text = Array.isArray(header) ? header.join(', ') : asText(header);
  const links = [
    ...(text ?? '').matchAll(/<([^>]*)>((?:\s*;\s*[\w*-]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)/g),
  ];
  return links.find(([, , parameters = '']) => {
    const [, quoted, bare] = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters) ?? [];
    return (quoted ?? bare ?? '').toLowerCase().split(/\s+/).includes(relation);
  })?.[1];
}

/** What the document refers to; it may be relative to where it was got (RFC 7807 §3.1). */
function addressOf(reference: string | undefined, refusal: ErrorResponse | undefined): string | undefined {
  if (reference === undefined || reference === '') return undefined;
  return URL.parse(reference, refusal?.url)?.href ?? reference;
}

/** A refusal as an error that keeps all of the problem. */
export function problemError(problem: Problem, retryAfterMs: number | undefined): IngressError {
  return new IngressError('ACME_PROBLEM', sentenceOf(problem), {
    details: { problem },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...adviceFor(problem),
    // A health check need not wait for what waits for a person.
    ...(problem.type === `${PROBLEM_PREFIX}userActionRequired` ? { retryable: false } : {}),
  });
}

/** Without a type of the CA's own it is the page of somebody between, or of a CA that is broken. */
function sentenceOf(problem: Problem): string {
  const { type, detail, status } = problem;
  return type === 'about:blank'
    ? `the certificate authority, or who stands between, answers with status ${status ?? 'unknown'}: ${detail}`
    : `the certificate authority refuses: ${describeProblem(problem)}`;
}

function adviceFor(problem: Problem): ErrorContext {
  switch (problem.type) {
    case `${PROBLEM_PREFIX}rateLimited`:
      return {
        hint: RATE_LIMIT_HINT,
        byItself:
          'The ingress retries by itself, not before the time that the certificate authority named, if it named one.',
      };
    case `${PROBLEM_PREFIX}userActionRequired`:
      return { hint: whatToDo(problem), byItself: RETRIES };
    case 'about:blank':
      return {
        hint: 'See the status page of the certificate authority if it lasts, and check anything (a proxy, a captive portal) that stands between.',
        byItself: RETRIES,
      };
    default:
      return {};
  }
}

const RATE_LIMIT_HINT =
  "Keep the certificate volume: a start without it orders again, and that counts. Set ACME_STAGING=true while you experiment. Let's Encrypt's limits: https://letsencrypt.org/docs/rate-limits/.";

/** Everything that a problem says to a person, in one line. */
export function describeProblem({ detail, subproblems, identifier, instance, type }: Problem): string {
  const own = identifier === undefined ? detail : `${identifier}: ${detail}`;
  const subs = subproblems.map((sub) => {
    const kind = sub.type === type || sub.type === 'about:blank' ? '' : ` (${shortType(sub.type)})`;
    return `${sub.identifier ?? 'a name'}: ${sub.detail}${kind}`;
  });
  const more = instance === undefined ? '' : `; see ${instance}`;
  return `${[own, ...subs].join('; ')} (${shortType(type)})${more}`;
}

/** RFC 8555 §7.3.3: the account's owner has to act, at `instance`; often because the terms have changed. */
function whatToDo({ instance, termsOfService }: Problem): string {
  const page = instance ?? termsOfService;
  const where =
    page === undefined
      ? 'Ask the certificate authority what it wants of the owner of the account.'
      : `Open ${page} and do what is asked for there.`;
  const terms =
    termsOfService === undefined || termsOfService === page
      ? ''
      : ` The terms of service in force are at ${termsOfService}.`;
  return `${where}${terms} The ingress agreed to the terms when it made the account; only you can agree to changed ones.`;
}

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
