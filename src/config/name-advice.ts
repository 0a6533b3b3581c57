import { parseName } from '../dns/name.ts';
import type { ValueFault } from './faults.ts';

/**
 * Adds the fix for a text that is a domain name with something around it: a scheme, a path, a port,
 * quotes, a separator. `details` gets the texts to remove and the name that remains. Pure.
 */
export function withAdvice(text: string, fault: ValueFault): ValueFault {
  const advice = adviseOnName(text);
  if (advice === undefined) return fault;
  const { fix, remove, name } = advice;
  return { ...fault, fix, details: { ...fault.details, remove, ...(name === undefined ? {} : { name }) } };
}

interface Advice {
  readonly fix: string;
  readonly remove: readonly string[];
  readonly name?: string;
}

function adviseOnName(text: string): Advice | undefined {
  const [, quoted] = /^(["'])/.exec(text) ?? [];
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(text) ?? [];
  const [, name = '', port = '', path = ''] = /^([^/:]*)(:\d+)?(\/.*)?$/s.exec(rest) ?? [];
  const surplus = [scheme, port, path].filter(Boolean);
  const [alone = '', ...others] = wordsOf(text);
  if (quoted !== undefined) return { fix: 'Remove the quotes.', remove: [quoted] };
  if (alone !== text && others.length === 0 && isName(alone)) {
    const separator = text.includes(',') ? 'the comma' : ';';
    return { fix: `Remove ${separator}: ${alone}`, remove: [separator === ';' ? ';' : ','], name: alone };
  }
  if (surplus.length > 0 && isName(name))
    return { fix: `Remove ${surplus.join(' and ')}: ${name}`, remove: surplus, name };
  return scheme === ''
    ? undefined
    : { fix: `Remove ${scheme}, and set the name alone, such as app.example.com.`, remove: [scheme] };
}

/** The names in a text that should be one name but is several; otherwise undefined. */
export function splitSeveral(text: string): readonly string[] | undefined {
  const names = wordsOf(text);
  return names.length > 1 && names.every(isName) ? names : undefined;
}

function wordsOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean);
}

function isName(text: string): boolean {
  return parseName(text.replace(/^\*\./, '')) !== undefined;
}
