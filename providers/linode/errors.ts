import type { Secret } from '../../src/config/secret.ts';
import { type ErrorCode, type ErrorContext, IngressError } from '../../src/errors.ts';
import { clean } from '../shared/errors.ts';
import type { HttpAnswer } from '../shared/http.ts';
import { failure } from './answers.ts';

/** What was asked when it failed, so that the message can say what to do. */
export interface Operation {
  /** Completes "Linode refused to …". */
  readonly doing: string;
  /** What a 404 says is gone: a page is behind the last one when the list became shorter meanwhile. */
  readonly subject: 'domain' | 'page' | 'record';
  /** Never part of a message, even when the other side repeats it. */
  readonly token: Secret;
}

interface Refusal {
  readonly reason: string;
  readonly field?: string | null | undefined;
}

const TOKENS = 'cloud.linode.com > your user name > API Tokens';

// Said of a token that lacks a scope: with 401 as well as with 403, so that the status alone misleads.
const LACKS_SCOPE = /not authorized to use this endpoint/i;
const CONFLICT = /record conflict/i;

/** What a refusal or failure of the API means to this program. */
export function toIngressError(
  { status, text, retryAfterMs }: HttpAnswer,
  operation: Operation,
): IngressError {
  const refusals = refusalsOf(text);
  const code = codeOf(status, refusals, operation);
  const words =
    refusals.length > 0 ? clean(refusals.map(inWords).join('; '), [operation.token]) : `HTTP ${status}`;
  const verb = status >= 500 ? 'failed' : 'refused';
  return new IngressError(code, `Linode ${verb} to ${operation.doing}: ${words}`, {
    ...hintFor(code, refusals),
    // It comes with every answer, and only these mean it.
    ...(retryAfterMs === undefined || (status !== 429 && status !== 503) ? {} : { retryAfterMs }),
    details: { status },
  });
}

/** An answer of success that is not what the documentation says. */
export function badAnswer({ doing }: Pick<Operation, 'doing'>, what: string): IngressError {
  return new IngressError('PROVIDER_BAD_ANSWER', `Linode was asked to ${doing} and answered ${what}`);
}

function refusalsOf(text: string): Refusal[] {
  try {
    const parsed = failure.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.errors : [];
  } catch {
    return [];
  }
}

function inWords({ reason, field }: Refusal): string {
  return field ? `${field}: ${reason}` : reason;
}

function codeOf(status: number, refusals: readonly Refusal[], { subject }: Operation): ErrorCode {
  if (status === 429) return 'PROVIDER_RATE_LIMITED';
  if (status >= 500) return 'PROVIDER_UNAVAILABLE';
  if (status === 401)
    return says(refusals, LACKS_SCOPE) ? 'PROVIDER_PERMISSION_MISSING' : 'PROVIDER_CREDENTIALS_REJECTED';
  if (refusals.length === 0) return 'PROVIDER_BAD_ANSWER';
  if (status === 403) return 'PROVIDER_PERMISSION_MISSING';
  if (status === 404) return subject === 'domain' ? 'ZONE_NOT_FOUND' : 'PROVIDER_CONFLICT';
  return status === 409 || says(refusals, CONFLICT) ? 'PROVIDER_CONFLICT' : 'PROVIDER_REJECTED';
}

function says(refusals: readonly Refusal[], pattern: RegExp): boolean {
  return refusals.some(({ reason }) => pattern.test(reason));
}

function hintFor(code: ErrorCode, refusals: readonly Refusal[]): ErrorContext {
  switch (code) {
    case 'PROVIDER_CREDENTIALS_REJECTED':
      return {
        hint: `Make a token at ${TOKENS} > Create a Personal Access Token (Domains: Read/Write) and set it whole as LINODE_API_TOKEN; an old one may be expired or revoked.`,
      };
    case 'PROVIDER_PERMISSION_MISSING':
      return { hint: says(refusals, LACKS_SCOPE) ? SCOPE : GRANT };
    case 'ZONE_NOT_FOUND':
      return { hint: 'The domain was removed from the account, or the user of the token no longer sees it.' };
    default:
      return {};
  }
}

const SCOPE = `The token lacks the scope Domains: Read/Write, and scopes cannot be added later. Make another at ${TOKENS} > Create a Personal Access Token and set it as LINODE_API_TOKEN.`;
const GRANT =
  'The user of the token is restricted. Give it Read-Write for the domain: cloud.linode.com > Administration > Users & Grants (or Identity & Access) > the user > User Permissions > Domains.';
