import { visible } from '../config/quote.ts';
import type { IngressError } from '../errors.ts';

/** An error as lines for a person: what happened, and what to do. Pure. */
export function describeFailure({ code, message, hint }: IngressError): string {
  return `${visible(message)} (${code})\n  -> ${visible(hint)}\n`;
}
