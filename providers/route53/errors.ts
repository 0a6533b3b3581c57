import type { Secret } from '../../src/config/secret.ts';
import { type ErrorCode, IngressError, isIngressError } from '../../src/errors.ts';
import { clean } from '../shared/errors.ts';
import type { HttpAnswer } from '../shared/http.ts';
import { type Refusal, refusalOf } from './answers.ts';

/** The operation that failed, so that message and hint can name it. */
export interface Operation {
  /** Completes "Route 53 refused to …". */
  readonly doing: string;
  /** The IAM action that it needs, and on what. */
  readonly action: string;
  readonly resource: string;
  /** The records that it writes, such as `app.example.com A`, for the error's details. */
  readonly records?: readonly string[];
  /** Never part of a message, even if the server repeats them. */
  readonly secrets: readonly Secret[];
}

/**
 * Milliseconds to pause after the account's limit, which counts by the second, or after a
 * concurrent change.
 */
const PAUSE_MS = 1000;

const IAM =
  'IAM console > Users (or Roles) > the one that AWS names > Permissions > Add permissions > Create inline policy > JSON';

/** Reading the zone again and making the changes that are still missing can resolve these. */
const STALE =
  /already exists|was not found|do not match the current values|conflicts with other records|conflicting RRSet|exists? with the same name and type/i;

// https://docs.aws.amazon.com/Route53/latest/APIReference/CommonErrors.html, those of each action,
// and of STS.
const CODES: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['AccessDenied', 'PROVIDER_PERMISSION_MISSING'],
  ['AccessDeniedException', 'PROVIDER_PERMISSION_MISSING'],
  ['NotAuthorizedException', 'PROVIDER_PERMISSION_MISSING'],
  ['InvalidClientTokenId', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['UnrecognizedClientException', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['InvalidAccessKeyId', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['AuthFailure', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['OptInRequired', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['SignatureDoesNotMatch', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['InvalidSignatureException', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['IncompleteSignature', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['MissingAuthenticationToken', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['ExpiredToken', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['ExpiredTokenException', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['RequestExpired', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['RequestTimeTooSkewed', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['RegionDisabledException', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['NoSuchHostedZone', 'ZONE_NOT_FOUND'],
  ['Throttling', 'PROVIDER_RATE_LIMITED'],
  ['ThrottlingException', 'PROVIDER_RATE_LIMITED'],
  ['RequestLimitExceeded', 'PROVIDER_RATE_LIMITED'],
  // Nothing was changed; the same request succeeds a moment later.
  ['PriorRequestNotComplete', 'PROVIDER_UNAVAILABLE'],
  ['ServiceUnavailable', 'PROVIDER_UNAVAILABLE'],
  ['InternalFailure', 'PROVIDER_UNAVAILABLE'],
]);

/** Whether reading the zone again can resolve a failed write. */
export function isStale(thrown: unknown): boolean {
  return isIngressError(thrown, 'PROVIDER_CONFLICT');
}

/** Whether the error says that the change is unknown, or no longer known. */
export function isNoSuchChange(thrown: unknown): boolean {
  return isIngressError(thrown) && thrown.details['code'] === 'NoSuchChange';
}

/** Whether the error says that temporary credentials have expired. */
export function isExpired(thrown: unknown): thrown is IngressError {
  return isIngressError(thrown) && /^ExpiredToken/.test(String(thrown.details['code']));
}

/** The error for a role's keys that expired early. The next attempt gets new ones. */
export function assumedAgain({ code, message, details }: IngressError): IngressError {
  return new IngressError(code, message, {
    hint: 'Wait: the next attempt assumes the role again.',
    retryable: true,
    details,
  });
}

/** The error of this program for an unsuccessful response. */
export function toIngressError(
  { status, text, retryAfterMs }: HttpAnswer,
  operation: Operation,
): IngressError {
  const refusal = refusalOf(text);
  const code = codeOf(status, refusal);
  const verb = status >= 500 ? 'failed' : 'refused';
  const pause = pauseOf(code, refusal, retryAfterMs);
  const { facts, ...context } = adviceFor(code, refusal, operation);
  return new IngressError(
    code,
    `${serviceOf(operation)} ${verb} to ${operation.doing}: ${wordsOf(status, refusal, operation)}`,
    {
      ...context,
      ...(pause === undefined ? {} : { retryAfterMs: pause }),
      details: {
        status,
        ...(refusal.code === undefined ? {} : { code: refusal.code }),
        ...facts,
        ...(operation.records ? { records: operation.records } : {}),
        ...(refusal.requestId === undefined ? {} : { requestId: refusal.requestId }),
      },
    },
  );
}

/** The error for a successful response that is not documented. */
export function badAnswer(operation: Operation, what: string): IngressError {
  const sentence = `${serviceOf(operation)} was asked to ${operation.doing} and answered ${what}`;
  return new IngressError('PROVIDER_BAD_ANSWER', sentence);
}

/** The service's name in messages. */
function serviceOf({ action }: Pick<Operation, 'action'>): string {
  return action.startsWith('sts:') ? 'AWS STS' : 'Route 53';
}

function codeOf(status: number, { code, message }: Refusal): ErrorCode {
  if (code === undefined) {
    if (status === 429) return 'PROVIDER_RATE_LIMITED';
    return status >= 500 ? 'PROVIDER_UNAVAILABLE' : 'PROVIDER_BAD_ANSWER';
  }
  if (code === 'InvalidChangeBatch' && STALE.test(message)) return 'PROVIDER_CONFLICT';
  const known = CODES.get(code);
  if (known) return known;
  return status >= 500 ? 'PROVIDER_UNAVAILABLE' : 'PROVIDER_REJECTED';
}

function pauseOf(code: ErrorCode, refusal: Refusal, operation: number | undefined): number | undefined {
  if (operation !== undefined) return operation;
  const busy = code === 'PROVIDER_RATE_LIMITED' || refusal.code === 'PriorRequestNotComplete';
  return busy ? PAUSE_MS : undefined;
}

// AWS explains a rejected signature with the whole request over many lines, session token included.
function wordsOf(status: number, { code, message }: Refusal, { secrets }: Operation): string {
  if (code === undefined) return `HTTP ${status}`;
  const words = clean(message.split('\n\n')[0]?.trim() ?? '', secrets);
  return words === '' ? code : `${words} (${code})`;
}

/** Why AWS rejects credentials. */
type CredentialFault =
  | 'clock-wrong'
  | 'credentials-expired'
  | 'secret-wrong'
  | 'sts-not-active'
  | 'key-unknown';

/** The permission that is missing: an IAM action and its resource. */
interface MissingPermission {
  readonly action: string;
  readonly resource: string;
  /** A policy denies the action, so another one that allows it has no effect. */
  readonly denied?: true;
}

/** What replaces the registry's context, and what the details say beside it. */
interface Advice {
  readonly hint?: string;
  readonly retryable?: boolean;
  readonly facts?: MissingPermission | { readonly reason: CredentialFault };
}

function adviceFor(code: ErrorCode, refusal: Refusal, operation: Operation): Advice {
  switch (code) {
    case 'PROVIDER_PERMISSION_MISSING': {
      const facts = missingPermission(clean(refusal.message, operation.secrets), operation);
      return { hint: hintForPermission(facts), facts };
    }
    case 'PROVIDER_CREDENTIALS_REJECTED': {
      const reason = credentialFault(refusal);
      return {
        hint: hintForCredentials(reason, operation),
        ...(reason === 'clock-wrong' ? { retryable: true } : {}),
        facts: { reason },
      };
    }
    case 'ZONE_NOT_FOUND':
      return { hint: 'Correct or remove AWS_HOSTED_ZONE_ID; without it, the zone is found automatically.' };
    default:
      return {};
  }
}

/** The permission that AWS names, else the one that the call needs. */
function missingPermission(message: string, operation: Operation): MissingPermission {
  const action = /perform: ([\w-]+:\w+)/.exec(message)?.[1] ?? operation.action;
  const named = /on resource: (\S+)/.exec(message)?.[1] ?? operation.resource;
  // Each change has its own id, so the permission covers all ids.
  const resource = action === 'route53:GetChange' ? 'arn:aws:route53:::change/*' : named;
  return { action, resource, ...(/explicit deny/i.test(message) ? { denied: true } : {}) };
}

function hintForPermission({ action, resource, denied }: MissingPermission): string {
  const statement = JSON.stringify({ Effect: 'Allow', Action: action, Resource: resource });
  if (denied) {
    return `Find the Deny that the message names: it denies ${action} on ${resource}, and no other policy can allow it.`;
  }
  if (action === 'sts:AssumeRole') {
    return `Add the statement ${statement} to the policy of the user (${IAM}), and let the role trust the user: IAM console > Roles > the role > Trust relationships. If that asks for sts:ExternalId, set AWS_ROLE_EXTERNAL_ID.`;
  }
  if (action.includes('ChangeResourceRecordSets')) {
    return `Add the names, types and actions of the records above to its policy, if that allows ${action} for some only. If it does not allow it on ${resource} at all, use the policy of docs/providers.md#route-53: ${IAM}.`;
  }
  return `Add the statement ${statement} to its policy: ${IAM}.`;
}

function credentialFault({ code = '', message }: Refusal): CredentialFault {
  if (/^(RequestExpired|RequestTimeTooSkewed)$/.test(code) || /signature (expired|not yet)/i.test(message))
    return 'clock-wrong';
  if (code.startsWith('ExpiredToken')) return 'credentials-expired';
  if (code === 'SignatureDoesNotMatch' || code === 'InvalidSignatureException') return 'secret-wrong';
  return code === 'RegionDisabledException' ? 'sts-not-active' : 'key-unknown';
}

function hintForCredentials(fault: CredentialFault, { secrets }: Operation): string {
  switch (fault) {
    case 'clock-wrong':
      return 'Set the clock of the host: AWS accepts requests within 5 minutes of their time.';
    case 'credentials-expired':
      return 'Set new temporary credentials, or use an access key and AWS_ROLE_ARN.';
    case 'secret-wrong':
      return 'Set AWS_SECRET_ACCESS_KEY to the whole secret of AWS_ACCESS_KEY_ID, without quotes.';
    case 'sts-not-active':
      return 'Activate STS in AWS_REGION (IAM console > Account settings > Security Token Service), or remove AWS_REGION.';
    case 'key-unknown': {
      const temporary =
        secrets.length > 2 ? '' : ' An id that starts with ASIA needs AWS_SESSION_TOKEN as well.';
      return `Check AWS_ACCESS_KEY_ID: the key may be deleted or inactive (IAM console > Users > the user > Security credentials > Access keys).${temporary}`;
    }
  }
}
