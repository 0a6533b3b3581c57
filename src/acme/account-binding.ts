import type { Secret } from '../config/secret.ts';
import { errorRegistry, IngressError, isIngressError } from '../errors.ts';
import { isProblem } from './problem.ts';

/** What a CA gives its customers, so that an ACME account can be tied to theirs (RFC 8555 §7.3.4). */
export interface ExternalAccountBinding {
  /** The key identifier. */
  readonly kid: string;
  /** The MAC key, in base64url. */
  readonly hmacKey: Secret;
}

const { hint } = errorRegistry.ACME_ACCOUNT_BINDING_MISSING;

/** What is thrown when the CA opens no account without a binding, and there is none. Pure. */
export function bindingMissing(directoryUrl: string, cause?: unknown): IngressError {
  const sentence = `${directoryUrl} opens an account only with an external account binding`;
  return new IngressError(
    'ACME_ACCOUNT_BINDING_MISSING',
    sentence,
    isIngressError(cause) ? { cause, details: cause.details } : {},
  );
}

/** The refusal of an account as it is thrown on: with the variables, where the binding can be the reason. Pure. */
export function explainRefusal(
  thrown: unknown,
  directoryUrl: string,
  binding: ExternalAccountBinding | undefined,
): unknown {
  if (!isIngressError(thrown, 'ACME_PROBLEM')) return thrown;
  if (binding === undefined)
    return isProblem(thrown, 'externalAccountRequired') ? bindingMissing(directoryUrl, thrown) : thrown;
  if (!REASONS.some((type) => isProblem(thrown, type))) return thrown;
  const { message, details, retryAfterMs } = thrown;
  return new IngressError('ACME_PROBLEM', message, {
    ...{ hint, details, cause: thrown },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** What CAs answer to a binding that does not fit. */
const REASONS = ['unauthorized', 'malformed', 'externalAccountRequired'] as const;
