import { isIngressError } from '../errors.ts';
import { PROBLEM_PREFIX, problemOf } from './problem.ts';

/**
 * Whether an order that named the certificate it replaces (RFC 9773 §5) may have been refused for that: an order without
 * it is then worth a request. Any refusal that speaks of nothing else counts, and an error of the CA's own, because that
 * is how Pebble answers a certificate that it does not know. Pure.
 */
export function mayConcernReplacement(thrown: unknown): boolean {
  if (!isIngressError(thrown, 'ACME_PROBLEM')) return false;
  const { type = '', status = 0 } = problemOf(thrown) ?? {};
  if (type === `${PROBLEM_PREFIX}serverInternal`) return status === 500;
  return status >= 400 && status < 500 && status !== 429 && !OF_SOMETHING_ELSE.has(type);
}

/** Of the account, its limits, the names and the profile: these would be refused again. */
const OF_SOMETHING_ELSE: ReadonlySet<string> = new Set(
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
