import { visible } from '../../config/quote.ts';
import type { IngressError } from '../../errors.ts';

/**
 * An error as text for a terminal: what happened, and the fix. Without retries, since the command
 * ends. Pure.
 */
export function describeFailure({ code, message, fix }: IngressError): string {
  return `${visible(message)} (${code})\n  -> ${visible(fix)}\n`;
}
