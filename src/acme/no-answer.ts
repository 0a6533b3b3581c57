import { errorRegistry, IngressError } from '../errors.ts';
import type { ProxyTrouble } from '../net/outgoing.ts';
import { whyUnanswered } from '../net/unanswered.ts';

/** A request that was made of a certificate authority. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
}

/**
 * The error for a request that got no answer. `thrown` is what the HTTP client threw, `trouble` what that says of a proxy. Pure.
 */
export function unreachable(
  { method, url }: HttpRequest,
  thrown: unknown,
  trouble?: ProxyTrouble,
): IngressError {
  const { why, advice, failure } = whyUnanswered(thrown, url, 'the certificate authority');
  const sentence = `no answer to ${method.toUpperCase()} ${url}: ${trouble?.problem ?? why}`;
  return new IngressError('ACME_UNREACHABLE', sentence, {
    cause: failure,
    ...(trouble && { hint: trouble.hint }),
    ...(!trouble && advice && { hint: advice, byItself: errorRegistry.ACME_UNREACHABLE.byItself }),
  });
}
