import { parseName } from '../dns/name.ts';

/** What is wrong with a value, where more can be said of the fix than the table of variables does. */
export interface Complaint {
  /** Completes "<VARIABLE> …". */
  readonly problem: string;
  readonly fix?: string;
}

/**
 * What to do about a text that is no domain name, where what surrounds one is to blame: a scheme, a path, a port, quotes,
 * a separator. Pure.
 */
export function adviseOnName(text: string): { fix?: string } {
  const [, quoted] = /^(["'])/.exec(text) ?? [];
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(text) ?? [];
  const [, name = '', port = '', path = ''] = /^([^/:]*)(:\d+)?(\/.*)?$/s.exec(rest) ?? [];
  const surplus = [scheme, port, path].filter(Boolean).join(' and ');
  const [alone = '', ...others] = wordsOf(text);
  if (quoted !== undefined) return { fix: 'Leave the quotes out.' };
  if (alone !== text && others.length === 0 && isName(alone))
    return { fix: `Leave ${text.includes(',') ? 'the comma' : ';'} out: ${alone}` };
  if (surplus === '' || !isName(name))
    return scheme === ''
      ? {}
      : { fix: `Leave ${scheme} out, and set the name alone, such as app.example.com.` };
  return { fix: `Leave ${surplus} out: ${name}` };
}

/** Of a variable that takes one name, a text that holds several. */
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
