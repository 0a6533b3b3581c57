import type { Secret } from '../../src/config/secret.ts';
import { errorRegistry, IngressError } from '../../src/errors.ts';
import type { ProxyTrouble } from '../../src/net/outgoing.ts';
import { whyUnanswered } from '../../src/net/unanswered.ts';
import { clean } from './words.ts';

/** A call that was made of a provider's API. */
export interface AskedApi {
  /** The provider, as a person calls it. */
  readonly title: string;
  /** Completes "<title> could not be asked to …". */
  readonly doing: string;
  readonly baseUrl: string;
  /** Never part of the message. */
  readonly secrets: readonly Secret[];
}

/** The error for a call that got no whole answer. `thrown` is what the HTTP client threw, `trouble` what that says of a proxy. Pure. */
export function unreachable(
  { title, doing, baseUrl, secrets }: AskedApi,
  thrown: unknown,
  trouble?: ProxyTrouble,
): IngressError {
  const { why, advice } = whyUnanswered(thrown, baseUrl, `the API of ${title}`);
  const sentence = `${title} could not be asked to ${doing}: ${clean(trouble?.problem ?? why, secrets)}`;
  return new IngressError('PROVIDER_UNREACHABLE', sentence, {
    cause: thrown,
    ...(trouble && { hint: trouble.hint }),
    ...(!trouble && advice && { hint: advice, byItself: errorRegistry.PROVIDER_UNREACHABLE.byItself }),
  });
}
