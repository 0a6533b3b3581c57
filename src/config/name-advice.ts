import { parseName } from '../dns/name.ts';

/** What is wrong with a value, with a fix where a better one is known than that of the table of variables. */
export interface Complaint {
  /** Completes "<VARIABLE> …". */
  readonly problem: string;
  readonly fix?: string;
}

/**
 * The fix for a text that is a domain name with something around it: a scheme, a path, a port, quotes, a separator.
 * Pure.
 */
export function adviseOnName(text: string): { fix?: string } {
  const [, quoted] = /^(["'])/.exec(text) ?? [];
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(text) ?? [];
  const [, name = '', port = '', path = ''] = /^([^/:]*)(:\d+)?(\/.*)?$/s.exec(rest) ?? [];
  const surplus = [scheme, port, path].filter(Boolean).join(' and ');
  const [alone = '', ...others] = wordsOf(text);
  if (quoted !== undefined) return { fix: 'Remove the quotes.' };
  if (alone !== text && others.length === 0 && isName(alone))
    return { fix: `Remove ${text.includes(',') ? 'the comma' : ';'}: ${alone}` };
  if (surplus === '' || !isName(name))
    return scheme === '' ? {} : { fix: `Remove ${scheme}, and set the name alone, such as app.example.com.` };
  return { fix: `Remove ${surplus}: ${name}` };
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
