import type { Secret } from '../../src/config/secret.ts';
import type { Zone } from '../../src/dns/provider.ts';
import { type DnsRecord, describeRecord } from '../../src/dns/record.ts';
import { type ErrorCode, IngressError, isIngressError } from '../../src/errors.ts';
import type { ProxyTrouble } from '../../src/net/outgoing.ts';
import { parseRetryAfter } from '../../src/net/retry-after.ts';
import { clean, unreachable } from '../shared/errors.ts';
import { failure } from './answers.ts';

/** The operation that failed, so that message and hint can name it. */
export interface Operation {
  /** Completes "Cloudflare refused to …". */
  readonly doing: string;
  /** The token's permission that it needs, as the dashboard names it. */
  readonly permission: 'Zone / Zone / Read' | 'Zone / DNS / Edit';
  /** The records that it writes, such as `app.example.com A`, for the error's details. */
  readonly records?: readonly string[];
  readonly baseUrl: string;
  /** Never part of a message, even if the server repeats it. */
  readonly token: Secret;
}

/** One error in a Cloudflare response. */
interface Refusal {
  readonly code: number;
  readonly message: string;
}

/** A failed call, as the SDK or the network reports it. */
export interface FailedCall {
  /** HTTP status; undefined if there was no complete response. */
  readonly status: number | undefined;
  readonly headers: Headers | undefined;
  /** The parsed body; undefined when it was not JSON. */
  readonly body: unknown;
  readonly cause: unknown;
  /** What the failure says about the proxy, if there was no response. */
  readonly trouble?: ProxyTrouble | undefined;
}

const TOKENS = 'dash.cloudflare.com > My Profile > API Tokens (or Manage Account > Account API Tokens)';

// The zone is not as the change expects: the record exists already, or is gone. Reading the zone
// again resolves it.
const STALE = new Set([81044, 81057, 81058]);

const KINDS: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [971, 'PROVIDER_RATE_LIMITED'],
  [1000, 'PROVIDER_CREDENTIALS_REJECTED'],
  [6003, 'PROVIDER_CREDENTIALS_REJECTED'],
  [6111, 'PROVIDER_CREDENTIALS_REJECTED'],
  [7000, 'ZONE_NOT_FOUND'],
  [7003, 'ZONE_NOT_FOUND'],
  [9103, 'PROVIDER_CREDENTIALS_REJECTED'],
  // The DNS part of the API reports an unknown token with status 400 and this code.
  [9106, 'PROVIDER_CREDENTIALS_REJECTED'],
  [9109, 'PROVIDER_PERMISSION_MISSING'],
  [10001, 'PROVIDER_CREDENTIALS_REJECTED'],
  [10429, 'PROVIDER_RATE_LIMITED'],
  [81044, 'PROVIDER_CONFLICT'],
  [81053, 'PROVIDER_CONFLICT'],
  [81054, 'PROVIDER_CONFLICT'],
  [81056, 'PROVIDER_CONFLICT'],
  [81057, 'PROVIDER_CONFLICT'],
  [81058, 'PROVIDER_CONFLICT'],
]);

/** Whether reading the zone again and writing what is still missing can resolve a failed write. */
export function isStale(thrown: unknown): boolean {
  const code = isIngressError(thrown, 'PROVIDER_CONFLICT') ? thrown.details['code'] : undefined;
  return typeof code === 'number' && STALE.has(code);
}

/**
 * The SDK's error as data. The SDK is loaded late, so its classes are recognized by their
 * properties.
 */
export function failedCall(thrown: unknown, trouble?: ProxyTrouble): FailedCall {
  const parts: { status?: unknown; headers?: unknown; error?: unknown } = Object(thrown);
  const status = typeof parts.status === 'number' ? parts.status : undefined;
  const headers = parts.headers instanceof Headers ? parts.headers : undefined;
  return { status, headers, body: parts.error, cause: thrown, trouble };
}

/** The error of this program for a failed call. Dates in `Retry-After` are compared with `now`. */
export function toIngressError(call: FailedCall, operation: Operation, now: Date): IngressError {
  if (call.status === undefined) {
    const { token, ...rest } = operation;
    return unreachable({ title: 'Cloudflare', secrets: [token], ...rest }, call.cause, call.trouble);
  }
  const [refusal] = refusalsOf(call.body);
  const code = codeOf(call.status, refusal);
  const words = refusal
    ? `${clean(refusal.message, [operation.token])} (code ${refusal.code})`
    : `HTTP ${call.status}`;
  const retryAfterMs = parseRetryAfter(call.headers?.get('retry-after'), now);
  const verb = call.status >= 500 ? 'failed' : 'refused';
  const { hint, ...facts } = adviceFor(code, refusal, operation);
  return new IngressError(code, `Cloudflare ${verb} to ${operation.doing}: ${words}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    details: {
      status: call.status,
      ...(refusal ? { code: refusal.code } : {}),
      ...facts,
      ...(operation.records ? { records: operation.records } : {}),
      ...rayOf(call.headers),
    },
  });
}

/** The error for a successful response that is not documented. */
export function badAnswer(operation: Operation, what: string): IngressError {
  return new IngressError(
    'PROVIDER_BAD_ANSWER',
    `Cloudflare was asked to ${operation.doing} and answered ${what}`,
  );
}

/** The error for a token that Cloudflare knows, but that has expired or is disabled. */
export function inactiveToken(status: string): IngressError {
  return new IngressError('PROVIDER_CREDENTIALS_REJECTED', `The Cloudflare token is ${status}`, {
    details: { reason: 'token-not-active', tokenStatus: status },
  });
}

/** The error for a token whose list of zones is empty. */
export function noZoneVisible(): IngressError {
  return new IngressError('PROVIDER_PERMISSION_MISSING', 'The Cloudflare token sees no zone at all', {
    hint: 'Give it Zone / Zone / Read and include the zone under Zone Resources, or set CLOUDFLARE_ZONE_ID.',
    details: { permission: 'Zone / Zone / Read' },
  });
}

/** The error for a record that Cloudflare created under another name than was sent. */
export function createdElsewhere(zone: Zone, name: string, created: DnsRecord): IngressError {
  return new IngressError(
    'ZONE_MISMATCH',
    `The zone ${zone.name ?? zone.id} does not hold ${name}: Cloudflare created ${describeRecord(created)} instead, which was removed again`,
    { details: { zone: zone.name ?? zone.id, name, created: created.name } },
  );
}

/** The errors of a body, root causes first: a "DNS Validation Error" only wraps the cause. */
function refusalsOf(body: unknown): Refusal[] {
  const parsed = failure.safeParse(body);
  if (!parsed.success) return [];
  return parsed.data.errors.flatMap(({ error_chain, ...refusal }) => [...(error_chain ?? []), refusal]);
}

// Cloudflare's code is more precise than the HTTP status, except where one code has two meanings.
function codeOf(status: number, refusal: Refusal | undefined): ErrorCode {
  if (status === 429) return 'PROVIDER_RATE_LIMITED';
  if (status >= 500) return 'PROVIDER_UNAVAILABLE';
  if (!refusal) return status === 401 ? 'PROVIDER_CREDENTIALS_REJECTED' : 'PROVIDER_BAD_ANSWER';
  if (refusal.code === 9109 && /invalid access token|from location/i.test(refusal.message)) {
    return 'PROVIDER_CREDENTIALS_REJECTED';
  }
  if (refusal.code === 1001 && /zone/i.test(refusal.message)) return 'ZONE_NOT_FOUND';
  return KINDS.get(refusal.code) ?? codeOfStatus(status);
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'PROVIDER_CREDENTIALS_REJECTED';
  if (status === 403) return 'PROVIDER_PERMISSION_MISSING';
  return status === 409 ? 'PROVIDER_CONFLICT' : 'PROVIDER_REJECTED';
}

/** Why Cloudflare rejects a token. */
type TokenFault = 'address-not-allowed' | 'token-malformed' | 'token-rejected';

/** The hint, if there is a better one than the registry's, and what the details say beside it. */
interface Advice {
  readonly hint?: string;
  readonly reason?: TokenFault;
  readonly permission?: Operation['permission'];
}

function adviceFor(code: ErrorCode, refusal: Refusal | undefined, { permission }: Operation): Advice {
  switch (code) {
    case 'PROVIDER_CREDENTIALS_REJECTED':
      return adviceForToken(refusal);
    case 'PROVIDER_PERMISSION_MISSING':
      return {
        permission,
        hint: `Give the token ${permission} and include the zone under Zone Resources: ${TOKENS} > the token > Edit.`,
      };
    case 'ZONE_NOT_FOUND':
      return { hint: 'Correct or remove CLOUDFLARE_ZONE_ID; without it, the zone is found automatically.' };
    default:
      return {};
  }
}

function adviceForToken(refusal: Refusal | undefined): Advice {
  if (/from location/i.test(refusal?.message ?? '')) {
    return {
      reason: 'address-not-allowed',
      hint: `Correct the token's Client IP Address Filtering, which allows other addresses only: ${TOKENS} > the token > Edit.`,
    };
  }
  if (refusal?.code === 6111 || refusal?.code === 6003) {
    return {
      reason: 'token-malformed',
      hint: `Create a token at ${TOKENS}: CLOUDFLARE_API_TOKEN is not a token. A Global API Key does not work.`,
    };
  }
  return {
    reason: 'token-rejected',
    hint: `Create a token at ${TOKENS} and set it in full as CLOUDFLARE_API_TOKEN; an old one may have expired or been disabled.`,
  };
}

// The id by which Cloudflare's support finds a request.
function rayOf(headers: Headers | undefined): { ray?: string } {
  const ray = headers?.get('cf-ray');
  return ray ? { ray } : {};
}
