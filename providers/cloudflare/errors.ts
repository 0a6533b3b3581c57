import type { Secret } from '../../src/config/secret.ts';
import { type ErrorCode, type ErrorContext, IngressError, isIngressError } from '../../src/errors.ts';
import type { ProxyTrouble } from '../../src/net/outgoing.ts';
import { parseRetryAfter } from '../../src/net/retry-after.ts';
import { clean, unreachable } from '../shared/errors.ts';
import { failure } from './answers.ts';

/** What was asked when it failed, so that the message can say what to do. */
export interface Operation {
  /** Completes "Cloudflare refused to …". */
  readonly doing: string;
  /** The token's permission that it needs, as the dashboard names it. */
  readonly permission: 'Zone / Zone / Read' | 'Zone / DNS / Edit';
  readonly baseUrl: string;
  /** Never part of a message, even when the other side repeats it. */
  readonly token: Secret;
}

/** One refusal in Cloudflare's words. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
}

/** A failed call, as the client or the network reports it. */
export interface FailedCall {
  /** HTTP status; undefined when there was no whole answer. */
  readonly status: number | undefined;
  readonly headers: Headers | undefined;
  /** The parsed body; undefined when it was not JSON. */
  readonly body: unknown;
  readonly cause: unknown;
  /** What it says of the proxy, where there was no answer. */
  readonly trouble?: ProxyTrouble | undefined;
}

const TOKENS = 'dash.cloudflare.com > My Profile > API Tokens (or Manage Account > Account API Tokens)';

// What stands is not what was thought: made by an earlier attempt, or gone. Reading again settles it.
const STALE = new Set([81044, 81057, 81058]);

const KINDS: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [971, 'PROVIDER_RATE_LIMITED'],
  [1000, 'PROVIDER_CREDENTIALS_REJECTED'],
  [6003, 'PROVIDER_CREDENTIALS_REJECTED'],
  [6111, 'PROVIDER_CREDENTIALS_REJECTED'],
  [7000, 'ZONE_NOT_FOUND'],
  [7003, 'ZONE_NOT_FOUND'],
  [9103, 'PROVIDER_CREDENTIALS_REJECTED'],
  // The DNS part of the API answers a token that does not exist with 400 and this.
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

/** Whether reading the zone again and asking for what is still missing can settle a failed write. */
export function isStale(thrown: unknown): boolean {
  const code = isIngressError(thrown, 'PROVIDER_CONFLICT') ? thrown.details['code'] : undefined;
  return typeof code === 'number' && STALE.has(code);
}

/** The client's error as data. The client is loaded late, so its classes are told apart by their parts. */
export function failedCall(thrown: unknown, trouble?: ProxyTrouble): FailedCall {
  const parts: { status?: unknown; headers?: unknown; error?: unknown } = Object(thrown);
  const status = typeof parts.status === 'number' ? parts.status : undefined;
  const headers = parts.headers instanceof Headers ? parts.headers : undefined;
  return { status, headers, body: parts.error, cause: thrown, trouble };
}

/** What a failed call means to this program. Times in `Retry-After` are counted from `now`. */
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
  return new IngressError(code, `Cloudflare ${verb} to ${operation.doing}: ${words}`, {
    ...hintFor(code, refusal, operation),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    details: {
      status: call.status,
      ...(refusal ? { code: refusal.code } : {}),
      ...rayOf(call.headers),
    },
  });
}

/** An answer of success that is not what the documentation says. */
export function badAnswer(operation: Operation, what: string): IngressError {
  return new IngressError(
    'PROVIDER_BAD_ANSWER',
    `Cloudflare was asked to ${operation.doing} and answered ${what}`,
  );
}

/** The refusals of a body, root causes first: a "DNS Validation Error" only wraps what is wrong. */
function refusalsOf(body: unknown): Refusal[] {
  const parsed = failure.safeParse(body);
  if (!parsed.success) return [];
  return parsed.data.errors.flatMap(({ error_chain, ...refusal }) => [...(error_chain ?? []), refusal]);
}

// Cloudflare's number is better evidence than the status that carries it, except where one number has two meanings.
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

function hintFor(code: ErrorCode, refusal: Refusal | undefined, operation: Operation): ErrorContext {
  switch (code) {
    case 'PROVIDER_CREDENTIALS_REJECTED':
      return { hint: hintForToken(refusal) };
    case 'PROVIDER_PERMISSION_MISSING':
      return {
        hint: `Give the token ${operation.permission} and include the zone under Zone Resources: ${TOKENS} > the token > Edit.`,
      };
    case 'ZONE_NOT_FOUND':
      return { hint: 'Correct or remove CLOUDFLARE_ZONE_ID; without it the zone is found by itself.' };
    default:
      return {};
  }
}

function hintForToken(refusal: Refusal | undefined): string {
  if (/from location/i.test(refusal?.message ?? '')) {
    return `The token allows other addresses only. Mend its Client IP Address Filtering: ${TOKENS} > the token > Edit.`;
  }
  if (refusal?.code === 6111 || refusal?.code === 6003) {
    return `CLOUDFLARE_API_TOKEN is not a token. A Global API Key is none; make a token at ${TOKENS}.`;
  }
  return `Make a token at ${TOKENS} and set it whole as CLOUDFLARE_API_TOKEN; an old one may be expired or disabled.`;
}

// The number by which Cloudflare's support finds a request.
function rayOf(headers: Headers | undefined): { ray?: string } {
  const ray = headers?.get('cf-ray');
  return ray ? { ray } : {};
}
