import { visible } from '../../config/quote.ts';
import type { IngressError } from '../../errors.ts';

/** An error as lines for a person: what happened, and what to do. Nothing is done again by itself. Pure. */
export function describeFailure({ code, message, fix }: IngressError): string {
  return `${visible(message)} (${code})\n  -> ${visible(fix)}\n`;
}
