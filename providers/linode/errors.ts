import type { Secret } from '../../src/config/secret.ts';
import { describeRecord } from '../../src/dns/record.ts';
import { type ErrorCode, IngressError } from '../../src/errors.ts';
import { clean } from '../shared/errors.ts';
import type { HttpAnswer } from '../shared/http.ts';
import { failure } from './answers.ts';
import type { Clash } from './changes.ts';

/** The operation that failed, so that message and hint can name it. */
export interface Operation {
  /** Completes "Linode refused to …". */
  readonly doing: string;
  /**
   * What is gone after a 404. A page is gone if the list has become shorter since the first page.
   */
  readonly subject: 'domain' | 'page' | 'record';
  /** The records that it writes, such as `app A`, for the error's details. */
  readonly records?: readonly string[];
  /** Never part of a message, even if the server repeats it. */
  readonly token: Secret;
}

interface Refusal {
  readonly reason: string;
  readonly field?: string | null | undefined;
}

const TOKENS = 'cloud.linode.com > your user name > API Tokens';

// The message for a token that lacks a scope comes with 401 as well as with 403.
const LACKS_SCOPE = /not authorized to use this endpoint/i;
const CONFLICT = /record conflict/i;

/** The error of this program for an error response. */
export function toIngressError(
  { status, text, retryAfterMs }: HttpAnswer,
  operation: Operation,
): IngressError {
  const refusals = refusalsOf(text);
  const code = codeOf(status, refusals, operation);
  const words =
    refusals.length > 0 ? clean(refusals.map(inWords).join('; '), [operation.token]) : `HTTP ${status}`;
  const verb = status >= 500 ? 'failed' : 'refused';
  const { hint, ...facts } = adviceFor(code, refusals);
  return new IngressError(code, `Linode ${verb} to ${operation.doing}: ${words}`, {
    ...(hint === undefined ? {} : { hint }),
    // Retry-After comes with every response, but is a request to wait only with these statuses.
    ...(retryAfterMs === undefined || (status !== 429 && status !== 503) ? {} : { retryAfterMs }),
    details: {
      status,
      ...facts,
      ...(operation.records ? { records: operation.records } : {}),
    },
  });
}

/** The error for a successful response that is not documented. */
export function badAnswer({ doing }: Pick<Operation, 'doing'>, what: string): IngressError {
  return new IngressError('PROVIDER_BAD_ANSWER', `Linode was asked to ${doing} and answered ${what}`);
}

/**
 * The error for a list that changed between the reads of its pages. `counts` are the lengths that
 * Linode reported.
 */
export function inconsistentPages(doing: string, read: number, counts: readonly number[]): IngressError {
  return new IngressError(
    'PROVIDER_CONFLICT',
    `Linode was asked to ${doing} and gave ${read} of ${counts.join(', then ')}: they changed meanwhile`,
    { details: { read, counts } },
  );
}

/**
 * The error for a record that would share its name with a CNAME. Linode accepts some of these and
 * then fails to render the whole zone. It is PROVIDER_CONFLICT only if reading the zone again can
 * resolve it.
 */
export function clash({ wanted, current, isNew }: Clash): IngressError {
  const [record, beside] = [describeRecord(wanted), describeRecord(current)];
  return new IngressError(
    isNew ? 'PROVIDER_CONFLICT' : 'PROVIDER_REJECTED',
    `${record} cannot be written beside ${beside}: a CNAME allows no other record`,
    {
      ...(isNew ? {} : { hint: `Remove ${beside} if it is not needed, or choose another name.` }),
      details: { record, beside },
    },
  );
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

/** The hint, if there is a better one than the registry's, and what the details say beside it. */
interface Advice {
  readonly hint?: string;
  readonly reason?: 'token-rejected' | 'token-lacks-scope' | 'user-lacks-grant';
}

function adviceFor(code: ErrorCode, refusals: readonly Refusal[]): Advice {
  switch (code) {
    case 'PROVIDER_CREDENTIALS_REJECTED':
      return {
        reason: 'token-rejected',
        hint: `Create a token at ${TOKENS} > Create a Personal Access Token (Domains: Read/Write) and set it in full as LINODE_API_TOKEN; an old one may have expired or been revoked.`,
      };
    case 'PROVIDER_PERMISSION_MISSING':
      return says(refusals, LACKS_SCOPE)
        ? { reason: 'token-lacks-scope', hint: SCOPE }
        : { reason: 'user-lacks-grant', hint: GRANT };
    case 'ZONE_NOT_FOUND':
      return {
        hint: 'Add the domain to the account again, or let the user of the token see it (User Permissions > Domains).',
      };
    default:
      return {};
  }
}

const SCOPE = `Create a token with the scope Domains: Read/Write at ${TOKENS} > Create a Personal Access Token and set it as LINODE_API_TOKEN. Scopes cannot be added to a token later.`;
const GRANT =
  'Give the user of the token, who is restricted, Read-Write for the domain: cloud.linode.com > Administration > Users & Grants (or Identity & Access) > the user > User Permissions > Domains.';
